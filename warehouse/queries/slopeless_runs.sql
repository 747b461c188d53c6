-- Of the runs that the filters match (as in asked_runs): how many have an operator without a slope,
-- which operators these are, and how many runs are matched.
select
    count(*) filter (where not graded) as n_slopeless,
    list_sort(list(distinct operator) filter (where not graded)) as operators,
    count(*) as n_matched
from run
where
    run_id in (
        from asked_runs(
            $experiment::varchar[], $model::varchar[], $concept::varchar[], $method::varchar[]
        )
    );
