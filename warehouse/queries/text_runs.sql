-- How many runs on texts there are of the vectors that the filters match (as in asked_runs).
select count(*)
from run
inner join evaluation using (evaluation_id)
where
    evaluation.text_set_id is not null
    and run.vector_id in (
        select vector_id
        from run
        where
            run_id in (
                from asked_runs(
                    $experiment::varchar[], $model::varchar[], $concept::varchar[], $method::varchar[]
                )
            )
    );
