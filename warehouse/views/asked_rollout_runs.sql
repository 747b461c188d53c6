-- The runs on prompt sets of these experiments, models and methods, filters as in asked_runs, by the
-- names they are shown by. What a null vector was fitted on is what the vector it belongs to was.
create macro asked_rollout_runs(experiments, models, methods, asked_role) as table
select
    run_card.run_id,
    run_card.evaluation_id,
    run_card.vector_id,
    run_card.model_id,
    evaluation.prompt_set_id,
    run_card.identity_at_zero,
    vector.method as method_kind,
    coalesce(run_card.fit_dataset_ids, parent.fit_dataset_ids, []) as own_dataset_ids,
    coalesce(model_name.name || model_name.suffix, run_card.model) as model,
    run_card.method,
    coalesce(prompt_set.name || prompt_set.suffix, evaluation.prompt_set_id) as prompt_set,
    coalesce(run_card.fit_concept, parent.fit_concept) as fit_concept,
    coalesce(run_card.fit_variant, parent.fit_variant) as fit_variant,
    run_card.role,
    run_card.seed,
    run_card.norm,
    run_card.operator,
    run_card.scope
from run_card
inner join evaluation on evaluation.evaluation_id = run_card.evaluation_id
left join vector on vector.vector_id = run_card.vector_id
left join fit_card as parent on parent.vector_id = run_card.parent_vector_id
left join shown_name as model_name
    on model_name.kind = 'model' and model_name.id = run_card.model_id
left join shown_name as prompt_set
    on prompt_set.kind = 'prompt_set' and prompt_set.id = evaluation.prompt_set_id
where
    evaluation.prompt_set_id is not null
    and run_card.role = asked_role
    and run_card.run_id in (from asked_runs(experiments, models, null, methods));

-- What is asked of a run at a multiplier and is not there as a rollout, by run_id, layer, multiplier.
create macro missing_rollouts() as table
select
    asked.run_id,
    asked.layer,
    asked.multiplier,
    greatest(0, asked.n_asked - coalesce(there.n, 0)) as n_absent
from (
    select run_id, layer, multiplier, max(n_asked) as n_asked
    from experiment_run
    where multiplier <> 0
    group by run_id, layer, multiplier
) as asked
inner join run using (run_id)
inner join evaluation using (evaluation_id)
left join (
    select run_id, layer, multiplier, count(*) as n
    from rollout
    where run_id is not null
    group by run_id, layer, multiplier
) as there
    on
        there.run_id = asked.run_id
        and there.layer = asked.layer
        and there.multiplier = asked.multiplier
where evaluation.prompt_set_id is not null;
