-- The evaluations of some runs (filters as in asked_runs) under which the model does not answer, the
-- least answering first, and how many evaluations there are.
with asked as (
    select *
    from unsteered
    where evaluation_id in (
        select run.evaluation_id
        from run
        where run.run_id in (from asked_runs(
            $experiment::varchar[], $model::varchar[], $concept::varchar[], $method::varchar[]
        ))
    )
)

select model, concept, variant, median_answer_mass, (select count(*) from asked) as n_asked
from asked
where not answering
order by median_answer_mass, model, concept, variant;
