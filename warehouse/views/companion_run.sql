-- The runs that stand beside a fitted vector's run: its nulls and its resamples, applied in the same
-- way to the same prompts (DESIGN 7).
create view companion_run as
select
    own.run_id,
    run.run_id as companion_run_id,
    vector.role,
    if(vector.role = 'null', vector.method, 'resample') as kind,
    vector.resample
from run as own
inner join vector on vector.parent_vector_id = own.vector_id and vector.role in ('null', 'resample')
inner join run
    on
        run.vector_id = vector.vector_id
        and run.evaluation_id = own.evaluation_id
        and run.operator = own.operator
        and run.parameters = own.parameters
        and run.scope = own.scope;
