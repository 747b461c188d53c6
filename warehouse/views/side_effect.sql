-- What a vector does to concepts that it was not fitted on: its slopes there beside its
-- slopes on its own concept under the variant of the same name, and beside the vector that the
-- same method fitted on the concept it disturbs.
create view side_effect as
with described as (
    select steerability.*, run_card.fit_dataset_ids, run.parameters
    from steerability
    inner join run_card using (run_id)
    inner join run using (run_id)
    where
        steerability.role = 'fitted'
        and steerability.resample is null
        and len(run_card.fit_dataset_ids) > 0
),

elsewhere as (
    select *
    from described
    where not list_contains(fit_dataset_ids, dataset_id)
),

home as (
    select *
    from described
    where list_contains(fit_dataset_ids, dataset_id)
),

strength as (
    select run_id, split, layer, avg(abs(slope)) as mean_abs_slope
    from item_slope
    group by run_id, split, layer
)

select
    elsewhere.run_id,
    elsewhere.evaluation_id,
    elsewhere.vector_id,
    elsewhere.model_id,
    elsewhere.dataset_id,
    elsewhere.variant_id,
    elsewhere.model,
    elsewhere.fit_concept,
    elsewhere.concept,
    elsewhere.fit_variant,
    elsewhere.variant,
    elsewhere.method,
    elsewhere.seed,
    elsewhere.norm,
    elsewhere.operator,
    elsewhere.scope,
    elsewhere.split,
    elsewhere.layer,
    elsewhere.n_items,
    elsewhere.n_questions,
    elsewhere.n_multipliers,
    elsewhere.multiplier_bound,
    elsewhere.steerability as side_effect,
    elsewhere.sd_slope,
    strength.mean_abs_slope,
    own.steerability as own_steerability,
    if(
        own.steerability > 0.25,
        elsewhere.steerability / abs(own.steerability),
        null
    ) as relative_side_effect,
    target.steerability as target_steerability,
    if(
        elsewhere.degenerate or target.degenerate,
        null,
        list_cosine_similarity(direction.direction, target_direction.direction)
    ) as cosine,
    elsewhere.complete and coalesce(own.complete, true) as complete
from elsewhere
inner join strength using (run_id, split, layer)
left join home as own using (vector_id, model_id, variant, operator, parameters, scope, split, layer)
left join home as target
    on
        target.evaluation_id = elsewhere.evaluation_id
        and target.method = elsewhere.method
        and target.fit_variant = elsewhere.fit_variant
        and target.seed is not distinct from elsewhere.seed
        and target.norm = elsewhere.norm
        and target.operator = elsewhere.operator
        and target.parameters = elsewhere.parameters
        and target.scope = elsewhere.scope
        and target.split = elsewhere.split
        and target.layer = elsewhere.layer
left join vector_direction as direction
    on direction.vector_id = elsewhere.vector_id and direction.layer = elsewhere.layer
left join vector_direction as target_direction
    on target_direction.vector_id = target.vector_id and target_direction.layer = target.layer;
