-- Every rollout with everything known about it, for people to read: steered ones with their vector,
-- unsteered ones (multiplier 0, no run) beside them.
create view rollout_card as
select
    rollout.rollout_id,
    rollout.evaluation_id,
    rollout.run_id,
    run_card.vector_id,
    evaluation.model_id,
    evaluation.prompt_set_id,
    rollout.prompt_id,
    coalesce(model_name.name || model_name.suffix, evaluation.model_id) as model,
    coalesce(set_name.name || set_name.suffix, evaluation.prompt_set_id) as prompt_set,
    run_card.method,
    run_card.fit_concept,
    run_card.fit_variant,
    run_card.role,
    run_card.seed,
    run_card.norm,
    run_card.operator,
    run_card.scope,
    rollout.layer,
    coalesce(rollout.multiplier, 0) as multiplier,
    prompt.prompt,
    rollout.sample,
    rollout.text,
    rollout.n_tokens,
    rollout.logprob,
    rollout.unsteered_logprob,
    rollout.margin
from rollout
inner join evaluation using (evaluation_id)
left join run_card using (run_id)
left join prompt on prompt.prompt_id = rollout.prompt_id
left join shown_name as model_name
    on model_name.kind = 'model' and model_name.id = evaluation.model_id
left join shown_name as set_name
    on set_name.kind = 'prompt_set' and set_name.id = evaluation.prompt_set_id;
