-- The grid of fit variant x evaluation variant. Relative steerability s(v_A, D_B) / |s(v_B, D_B)|
-- compares a vector fitted on variant A with the one fitted on the variant B that is evaluated, and
-- is left out where the latter hardly steers, s(v_B, D_B) <= 0.25 (Tan et al. 2024, section 5, and
-- its code plot_persona_relative_steerability_trends.py).
create view generalisation as
with fitted as (
    select steerability.*, run_card.fit_variant_ids
    from steerability
    inner join run_card using (run_id)
    where
        steerability.role = 'fitted'
        and steerability.resample is null
        and list_contains(run_card.fit_dataset_ids, steerability.dataset_id)
),

shift as (
    select
        here.evaluation_id,
        there.variant_id as fit_variant_id,
        split_item.split,
        avg(abs(steered.logit_diff::double - fit.logit_diff::double)) as baseline_shift
    from evaluation as here
    inner join evaluation as there using (model_id, dataset_id, score, parameters)
    inner join baseline as steered on steered.evaluation_id = here.evaluation_id
    inner join baseline as fit
        on fit.evaluation_id = there.evaluation_id and fit.item_id = steered.item_id
    inner join split_item
        on split_item.dataset_id = here.dataset_id and split_item.item_id = steered.item_id
    group by here.evaluation_id, there.variant_id, split_item.split
)

select
    fitted.run_id,
    fitted.evaluation_id,
    fitted.vector_id,
    fitted.model_id,
    fitted.dataset_id,
    fitted.variant_id,
    fitted.model,
    fitted.concept,
    fitted.method,
    fitted.seed,
    fitted.norm,
    fitted.operator,
    fitted.scope,
    fitted.split,
    fitted.layer,
    fitted.fit_variant,
    fitted.variant,
    fitted.fit_variant_ids = [fitted.variant_id] as in_distribution,
    fitted.n_items,
    fitted.n_questions,
    fitted.n_multipliers,
    fitted.multiplier_bound,
    fitted.steerability,
    fitted.sd_slope,
    fitted.anti_steerable_fraction,
    own.steerability as own_steerability,
    if(
        own.steerability > 0.25,
        fitted.steerability / abs(own.steerability),
        null
    ) as relative_steerability,
    shift.baseline_shift,
    if(
        fitted.degenerate or own.degenerate,
        null,
        list_cosine_similarity(direction.direction, own_direction.direction)
    ) as cosine,
    fitted.complete and coalesce(own.complete, true) as complete
from fitted
left join fitted as own
    on
        own.evaluation_id = fitted.evaluation_id
        and own.fit_variant_ids = [own.variant_id]
        and own.method = fitted.method
        and own.seed is not distinct from fitted.seed
        and own.norm = fitted.norm
        and own.operator = fitted.operator
        and own.scope = fitted.scope
        and own.split = fitted.split
        and own.layer = fitted.layer
left join shift
    on
        shift.evaluation_id = fitted.evaluation_id
        and [shift.fit_variant_id] = fitted.fit_variant_ids
        and shift.split = fitted.split
left join vector_direction as direction
    on direction.vector_id = fitted.vector_id and direction.layer = fitted.layer
left join vector_direction as own_direction
    on own_direction.vector_id = own.vector_id and own_direction.layer = own.layer;
