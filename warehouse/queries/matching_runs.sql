-- What there is for the filters of an analysis (as in asked_runs), by role and split: how many runs,
-- at which layers, and how many runs the filters match in all. Split and layers are null for runs of
-- which nothing is measured. Runs on texts count where `texts` is
-- true, those on openings never.
with asked as (
    select run_id
    from asked_runs($experiment::varchar[], $model::varchar[], $concept::varchar[], $method::varchar[])
    inner join run using (run_id)
    inner join evaluation using (evaluation_id)
    where
        evaluation.prompt_set_id is null
        and ($texts or evaluation.text_set_id is null)
)

select
    coalesce(vector.role, 'fitted') as role,
    cell.split,
    count(distinct run.run_id) as n_runs,
    list_sort(list(distinct cell.layer)) as layers,
    (select count(*) from asked) as n_matched
from run
left join vector using (vector_id)
left join cell using (run_id)
where run.run_id in (from asked)
group by all
order by all;
