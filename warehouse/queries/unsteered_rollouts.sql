-- The unsteered rollouts of $evaluation_id that are there.
select prompt_id, sample
from rollout
where evaluation_id = $evaluation_id and run_id is null
order by all;
