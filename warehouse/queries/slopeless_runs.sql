-- Of the runs of vectors of $role (null: of any) that the filters match (as in asked_runs): how many
-- have an operator without a slope, which operators these are, and how many runs are matched.
select
    count(*) filter (where not run.graded) as n_slopeless,
    list_sort(list(distinct run.operator) filter (where not run.graded)) as operators,
    count(*) as n_matched
from run
left join vector using (vector_id)
inner join evaluation using (evaluation_id)
where
    evaluation.text_set_id is null
    and ($role::varchar is null or coalesce(vector.role, 'fitted') = $role::varchar)
    and run.run_id in (
        from asked_runs(
            $experiment::varchar[], $model::varchar[], $concept::varchar[], $method::varchar[]
        )
    );
