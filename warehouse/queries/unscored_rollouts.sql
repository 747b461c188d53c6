-- The rollouts that a scorer has still to score, as it is handed them: parameters as in the macro
-- rollouts_to_score.
select rollout_id, prompt, text, token_ids, unsteered_logprob
from rollouts_to_score($experiment, $model_id, $vector_ids::varchar[], $scorer_id, $samples::integer)
where scored is distinct from true
order by evaluation_id, run_id nulls first, layer, multiplier, prompt_id, sample
