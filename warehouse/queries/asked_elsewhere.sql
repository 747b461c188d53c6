-- What $experiment asks of models other than $model_ids.
select experiment_run.*
from experiment_run
join run using (run_id)
join evaluation using (evaluation_id)
where experiment_run.experiment = $experiment
    and not list_contains($model_ids, evaluation.model_id)
order by all;
