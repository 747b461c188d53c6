-- The runs of the experiments $experiments that no other experiment asks for.
select distinct run_id
from experiment_run
where
    list_contains($experiments, experiment)
    and run_id not in (
        select run_id
        from experiment_run
        where not list_contains($experiments, experiment)
    )
order by run_id;
