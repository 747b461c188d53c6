-- The layer that the validation split chooses: the largest steerability among layers
-- whose vector is not degenerate, for the unresampled fit on base evaluated on base, or on the
-- alphabetically first variants where base was not asked; a mean of fits comes last. Several seeds
-- are averaged; the lower of two equal layers wins. Where nothing was measured on a validation
-- split (results of others), the test split chooses and the row is marked `cross_fitted`: what the
-- same items say at that layer is too good by the choice; the analyses best_layer and verdict report
-- each half of the questions at the layer that the other half chooses.
create view best_layer as
with base as (
    select coalesce(list(id), []) as ids
    from name
    where kind = 'variant' and name = 'base'
),

eligible as (
    select
        steerability.*,
        run_card.fit_variant_ids,
        coalesce(list_has_any(run_card.fit_variant_ids, base.ids), false) as fit_on_base,
        list_contains(base.ids, steerability.variant_id) as on_base
    from steerability
    inner join run_card using (run_id)
    cross join base
    where
        steerability.split in ('validation', 'test')
        and steerability.role = 'fitted'
        and steerability.resample is null
        and (
            run_card.fit_dataset_ids is null
            or list_contains(run_card.fit_dataset_ids, steerability.dataset_id)
        )
),

choosing as (
    select *
    from eligible
    qualify
        split = 'validation'
        or not bool_or(split = 'validation') over (
            partition by model_id, dataset_id, method, norm, operator, scope
        )
),

preferred as (
    select *
    from choosing
    qualify
        dense_rank() over (
            partition by model_id, dataset_id, method, norm, operator, scope
            order by
                len(fit_variant_ids), fit_on_base desc, fit_variant, on_base desc, variant, fit_variant_ids, variant_id
        ) = 1
),

candidate as (
    select
        model_id,
        dataset_id,
        any_value(model) as model,
        any_value(concept) as concept,
        method,
        norm,
        operator,
        scope,
        layer,
        any_value(fit_variant) as fit_variant,
        any_value(fit_variant_ids) as fit_variant_ids,
        any_value(variant) as variant,
        any_value(variant_id) as variant_id,
        any_value(split) as split,
        list_sort(list(distinct vector_id)) as vector_ids,
        avg(steerability) as steerability,
        min(n_items) as n_items,
        min(n_multipliers) as n_multipliers,
        any_value(multiplier_bound) as multiplier_bound,
        bool_and(complete) as complete
    from preferred
    where not degenerate
    group by model_id, dataset_id, method, norm, operator, scope, layer
)

select
    model_id,
    dataset_id,
    model,
    concept,
    method,
    norm,
    operator,
    scope,
    fit_variant,
    variant,
    fit_variant_ids,
    variant_id,
    vector_ids,
    layer,
    steerability,
    n_items,
    n_multipliers,
    multiplier_bound,
    count(*) over same_choice as n_candidates,
    split as chosen_on,
    split = 'test' and count(*) over same_choice > 1 as cross_fitted,
    bool_and(complete) over same_choice as complete
from candidate
window same_choice as (partition by model_id, dataset_id, method, norm, operator, scope)
qualify
    row_number() over (
        partition by model_id, dataset_id, method, norm, operator, scope
        -- Rounded, so that the order in which a sum was added up decides nothing.
        order by round(steerability, 6) desc, layer
    ) = 1;
