-- The layer that an experiment chose for its runs, read from what it asks: the one layer at which it
-- reports a run (`layers: best`, a single layer, a null or resample), else the one layer of the nulls
-- and resamples that ride along with the runs of that model, concept, fitted concept, method, norm,
-- operator and scope. Unlike best_layer it does not move when others measure more of the same runs.
create view experiment_choice as
with reported as (
    select experiment_run.experiment, experiment_run.run_id, experiment_run.layer
    from experiment_run
    inner join run_card using (run_id)
    where experiment_run.split <> 'validation' or run_card.role <> 'fitted'
    group by experiment_run.experiment, experiment_run.run_id, experiment_run.layer
),

single as (
    select experiment, run_id, any_value(layer) as layer
    from reported
    group by experiment, run_id
    having count(*) = 1
),

ridden as (
    select
        single.experiment,
        parent.model_id,
        parent.dataset_id,
        parent.fit_dataset_ids,
        parent.method,
        parent.norm,
        parent.operator,
        parent.scope,
        any_value(single.layer) as layer
    from single
    inner join run_card as derived using (run_id)
    inner join run_card as parent
        on
            parent.vector_id = derived.parent_vector_id
            and parent.evaluation_id = derived.evaluation_id
            and parent.operator = derived.operator
            and parent.scope = derived.scope
    group by all
    having count(distinct single.layer) = 1
)

from single
union all
select reported.experiment, reported.run_id, any_value(ridden.layer) as layer
from reported
inner join run_card using (run_id)
inner join ridden
    on
        ridden.experiment = reported.experiment
        and ridden.model_id = run_card.model_id
        and ridden.dataset_id = run_card.dataset_id
        and ridden.fit_dataset_ids is not distinct from run_card.fit_dataset_ids
        and ridden.method = run_card.method
        and ridden.norm = run_card.norm
        and ridden.operator = run_card.operator
        and ridden.scope = run_card.scope
anti join single
    on single.experiment = reported.experiment and single.run_id = reported.run_id
group by reported.experiment, reported.run_id;
