-- question: Is what was planted in the reference model what is measured on the test split?
-- grain: model, dataset, quantity, variant, layer, run (baseline_mean: evaluation); truths about what
--   was not measured have no row
-- source: the `planted` key of each reference concept (closed form, runners/reference_model/truth.py)
--   against mean_difference vectors fitted on the same concept under variant base and added
-- params:
--   filters
-- columns:
--   concept    concept of the reference model
--   variant    prompt variant the questions are asked under
--   quantity   what was planted
--   layer      layer it was planted at, null where it holds for the concept
--   planted    the truth, null where it is undefined
--   measured   what was measured on the test split (best_layer: chosen on validation), null where
--     it is undefined
--   difference  measured - planted
--   tolerance  largest difference that counts as equal
--   within     whether they agree; a planted null must be measured null
--   complete   false where an asked measurement is missing
-- further columns:
--   model      model
--   method     how the vector was fitted
--   scope      where it was applied
--   norm       how the vector was scaled
--   n_items    items behind the measured value
--   n_multipliers     multipliers behind a slope (the fewest over items)
--   multiplier_bound  slopes are fitted over abs(multiplier) up to this
--   run_id     the run, null for baseline_mean

with
asked as (
    select run_id
    from run_card
    where run_id in (from asked_runs($experiment, $model, $concept, $method))
),

truth as (
    select *
    from planted
    where
        ($model is null or model_id in (select id from asked_ids('model', $model)))
        and ($concept is null or dataset_id in (select id from asked_ids('concept', $concept)))
        and (
            $experiment is null
            or dataset_id in (select dataset_id from run_card where run_id in (from asked))
        )
),

fitted as (
    -- runs for which the truth holds
    select run_card.*
    from run_card
    inner join vector using (vector_id)
    where
        run_card.run_id in (from asked)
        and run_card.role = 'fitted'
        and run_card.resample is null
        and run_card.operator = 'add'
        and vector.method = 'mean_difference'
        and run_card.norm in ('base', 'raw')
        and run_card.fit_dataset_ids = [run_card.dataset_id]
        and len(run_card.fit_variant_ids) = 1
        and run_card.fit_variant_ids[1] in (select id from asked_ids('variant', ['base']))
        and run_card.dataset_id in (select dataset_id from truth)
),

slopes as (
    select
        run_id,
        layer,
        count(*) as n_items,
        min(n_multipliers) as n_multipliers,
        any_value(multiplier_bound) as multiplier_bound,
        avg(slope) as mean_slope,
        avg(anti_steerable::integer) as anti_steerable_fraction,
        variance_share(slope, positive_option, question_id, slope_floor) as letter_share,
        variance_share(slope, coalesce(positive_answer = 'Yes', false), question_id, slope_floor)
            as yes_no_share
    from item_slope
    where split = 'test' and run_id in (select run_id from fitted)
    group by run_id, layer
),

missing as (
    select run_id, split, layer, sum(n_missing) as n_missing
    from coverage
    where run_id in (select run_id from fitted)
    group by run_id, split, layer
),

chosen as (
    -- no layer is the best where the largest steerability cannot be told from nothing
    select
        fitted.run_id,
        best_layer.n_items,
        best_layer.n_multipliers,
        best_layer.multiplier_bound,
        best_layer.complete,
        if(best_layer.steerability >= slope_floor.slope_floor, best_layer.layer, null) as layer
    from fitted
    inner join best_layer
        on
            best_layer.model_id = fitted.model_id
            and best_layer.dataset_id = fitted.dataset_id
            and best_layer.variant_id = fitted.variant_id
            and best_layer.method = fitted.method
            and best_layer.norm = fitted.norm
            and best_layer.operator = fitted.operator
            and best_layer.scope = fitted.scope
            and not best_layer.cross_fitted
    inner join slope_floor on slope_floor.model_id = fitted.model_id
),

unsteered as (
    select
        evaluation.model_id,
        evaluation.dataset_id,
        evaluation.variant_id,
        avg(baseline.logit_diff::double) as measured,
        count(*) as n_items
    from baseline
    inner join evaluation using (evaluation_id)
    inner join split_item
        on
            split_item.dataset_id = evaluation.dataset_id
            and split_item.item_id = baseline.item_id
            and split_item.split = 'test'
    where evaluation.evaluation_id in (select evaluation_id from fitted)
    group by evaluation.model_id, evaluation.dataset_id, evaluation.variant_id
),

measured as (
    select
        truth.*,
        fitted.run_id,
        fitted.method,
        fitted.scope,
        fitted.norm,
        case truth.quantity
            when 'mean_slope' then slopes.mean_slope
            when 'anti_steerable_fraction' then slopes.anti_steerable_fraction
            when 'letter_share' then slopes.letter_share
            when 'yes_no_share' then slopes.yes_no_share
            when 'best_layer' then chosen.layer
        end as measured,
        if(truth.quantity = 'best_layer', chosen.n_items, slopes.n_items) as n_items,
        if(truth.quantity = 'best_layer', chosen.n_multipliers, slopes.n_multipliers)
            as n_multipliers,
        if(truth.quantity = 'best_layer', chosen.multiplier_bound, slopes.multiplier_bound)
            as multiplier_bound,
        if(
            truth.quantity = 'best_layer', chosen.complete, coalesce(missing.n_missing, 0) = 0
        ) as complete
    from truth
    inner join fitted
        on
            fitted.model_id = truth.model_id
            and fitted.dataset_id = truth.dataset_id
            and fitted.variant_id = truth.variant_id
    left join chosen on chosen.run_id = fitted.run_id
    left join slopes
        on slopes.run_id = fitted.run_id and slopes.layer = coalesce(truth.layer, chosen.layer)
    left join missing
        on
            missing.run_id = slopes.run_id
            and missing.layer = slopes.layer
            and missing.split = 'test'
    where truth.quantity <> 'baseline_mean'
    union all by name
    select
        truth.*,
        unsteered.measured,
        unsteered.n_items,
        true as complete
    from truth
    inner join unsteered using (model_id, dataset_id, variant_id)
    where truth.quantity = 'baseline_mean'
),

tolerated as (
    select
        *,
        case quantity
            when 'mean_slope' then greatest(0.02 * abs(value), 0.01)
            when 'anti_steerable_fraction' then 1e-9
            when 'letter_share' then 0.02
            when 'yes_no_share' then 0.02
            when 'best_layer' then 0
            when 'baseline_mean' then 0.01
        end as tolerance
    from measured
)

select
    coalesce(concept.name, tolerated.dataset_id) as concept,
    coalesce(variant.name, tolerated.variant_id) as variant,
    tolerated.quantity,
    tolerated.layer,
    tolerated.value as planted,
    tolerated.measured,
    tolerated.measured - tolerated.value as difference,
    tolerated.tolerance,
    case
        when tolerated.value is null or tolerated.measured is null
            then tolerated.value is null and tolerated.measured is null
        else abs(tolerated.measured - tolerated.value) <= tolerated.tolerance
    end as within,
    tolerated.complete,
    coalesce(model.name, tolerated.model_id) as model,
    tolerated.method,
    tolerated.scope,
    tolerated.norm,
    tolerated.n_items,
    tolerated.n_multipliers,
    tolerated.multiplier_bound,
    tolerated.run_id
from tolerated
left join (select id, min(name) as name from name where kind = 'concept' group by id) as concept
    on concept.id = tolerated.dataset_id
left join (select id, min(name) as name from name where kind = 'variant' group by id) as variant
    on variant.id = tolerated.variant_id
left join (select id, min(name) as name from name where kind = 'model' group by id) as model
    on model.id = tolerated.model_id
where tolerated.n_items is not null
order by
    concept, model, quantity, tolerated.layer, variant, tolerated.run_id
