-- question: Tan et al. 2024: what are its headline numbers here, and what are they there?
-- grain: quantity, model (and other model), method, norm, operator, scope, layer; published values that nothing here answers have a row too
-- source: Tan et al. 2024 (arXiv 2407.12404), section 5; published values from a reading note, not from
--   the paper itself. Intervals are over concepts: Bonett and Wright 2000, but for
--   relative_distance_spearman, where a concept has a point for every shift, a bootstrap of concepts
-- params:
--   filters
--   published         published              tan2024_headlines  published values beside ours: the shipped file or one like it
--   split             train|validation|test  test               split that is reported
--   layer             layer                  best               `best` = the one that validation chose for each model and concept, or one number; null = each number
--   confidence        fraction               0.95               level of the intervals
--   draws             count                  1000               bootstrap resamples of concepts
-- columns:
--   quantity           id_ood_spearman: base -> base with system_positive -> user_negative, over concepts;
--     cross_model_id_spearman, cross_model_ood_spearman: either of them in two models;
--     relative_distance_spearman: relative steerability (own > 0.25) with unsteered distance, over
--     concepts and shifts; nearly_half_anti_steerable: concepts with 1 - mean(slope > 0) of .4 or more;
--     range_spearman: see tan_multiplier_ranges
--   model              model
--   other_model        the second model, null where there is one
--   layer              decoder block that is steered, null for `best`
--   ours               our value, null where it was not measured
--   ours_low           lower end of its interval over concepts
--   ours_high          upper end
--   n_concepts         concepts behind it
--   published          the published value, null where there is none for that model
--   within             whether the published value lies in our interval
--   wording            `wording differs` where a shift's sentences are ours, else `as published`
--   complete           false where an asked measurement is missing, null where nothing was measured
-- further columns:
--   published_words    what is published in words
--   published_source   where the published value is from
--   ours_p             two-sided p of no correlation
--   bootstrap_low      lower end of the percentile bootstrap interval
--   bootstrap_high     upper end
--   analysis           the analysis that holds the points
--   method             how the vectors were fitted
--   norm               how the vectors were scaled
--   operator           how they were applied
--   scope              where they were applied
--   split              split that is reported
--   n_multipliers      multipliers behind a slope (the fewest)
--   multiplier_bound   slopes are fitted over abs(multiplier) up to this: always 1.5

with
cell as materialized (
    select
        model_id,
        any_value(model) as model,
        dataset_id,
        method,
        norm,
        operator,
        scope,
        fit_variant,
        variant,
        if($layer = 'best', null, layer) as layer,
        avg(steerability) as steerability,
        avg(anti_steerable_fraction_tan) as anti_steerable,
        min(n_multipliers) as n_multipliers,
        bool_and(complete) as complete
    from asked_steerability(
        $experiment, $model, $concept, $method, 'fitted', $split, $layer, 1.5, $confidence
    )
    where resample is null and fit_dataset_ids = [dataset_id] and not degenerate
    group by
        model_id, dataset_id, method, norm, operator, scope, fit_variant, variant,
        if($layer = 'best', null, layer)
),

-- the two settings of the paper: at home, and under its headline shift
setting as materialized (
    select *, if(variant = 'base', 'id', 'ood') as setting
    from cell
    where (fit_variant, variant) in (('base', 'base'), ('system_positive', 'user_negative'))
),

distance as (
    select
        a.model_id,
        a.dataset_id,
        a.variant_id,
        b.variant_id as other_variant_id,
        avg(abs(here.logit_diff::double - there.logit_diff::double)) as distance
    from evaluation as a
    inner join evaluation as b using (model_id, dataset_id, score, parameters)
    inner join baseline as here on here.evaluation_id = a.evaluation_id
    inner join baseline as there
        on there.evaluation_id = b.evaluation_id and there.item_id = here.item_id
    inner join split_item
        on
            split_item.dataset_id = a.dataset_id
            and split_item.item_id = here.item_id
            and split_item.split = $split
    where
        a.evaluation_id <> b.evaluation_id
        and a.dataset_id in (select dataset_id from cell)
        and a.model_id in (select model_id from cell)
    group by a.model_id, a.dataset_id, a.variant_id, b.variant_id
),

named_distance as (
    select
        distance.model_id,
        distance.dataset_id,
        here.name as variant,
        there.name as other_variant,
        avg(distance) as distance
    from distance
    inner join shown_name as here on here.kind = 'variant' and here.id = distance.variant_id
    inner join shown_name as there
        on there.kind = 'variant' and there.id = distance.other_variant_id
    group by distance.model_id, distance.dataset_id, here.name, there.name
),

point as materialized (
    select
        'id_ood_spearman' as quantity,
        id.* exclude (steerability, anti_steerable, complete, setting, fit_variant, variant),
        null as other_model,
        id.steerability as x,
        ood.steerability as y,
        id.complete and ood.complete as complete
    from setting as id
    inner join setting as ood using (model_id, dataset_id, method, norm, operator, scope)
    where
        id.setting = 'id'
        and ood.setting = 'ood'
        and ood.layer is not distinct from id.layer
    union all by name
    select
        'cross_model_' || a.setting || '_spearman' as quantity,
        a.* exclude (steerability, anti_steerable, complete, setting, fit_variant, variant),
        b.model as other_model,
        a.steerability as x,
        b.steerability as y,
        a.complete and b.complete as complete
    from setting as a
    inner join setting as b using (dataset_id, method, norm, operator, scope, setting)
    where (a.model, a.model_id) < (b.model, b.model_id) and b.layer is not distinct from a.layer
    union all by name
    select
        'relative_distance_spearman' as quantity,
        a.* exclude (steerability, anti_steerable, complete, fit_variant, variant),
        null as other_model,
        a.steerability / own.steerability as x,
        named_distance.distance as y,
        a.complete and own.complete as complete
    from cell as a
    inner join cell as own using (model_id, dataset_id, method, norm, operator, scope, variant)
    inner join named_distance
        on
            named_distance.model_id = a.model_id
            and named_distance.dataset_id = a.dataset_id
            and named_distance.variant = a.variant
            and named_distance.other_variant = a.fit_variant
    where
        own.fit_variant = own.variant
        and a.fit_variant <> a.variant
        and own.layer is not distinct from a.layer
        and own.steerability > 0.25
),

numbered as materialized (
    select
        *,
        dense_rank() over (
            order by quantity, model_id, other_model, method, norm, operator, scope, layer
        ) as g
    from point
),

correlation as (
    from correlations(
        (select list({'g': g, 'c': dataset_id, 'x': x, 'y': y}) from numbered),
        $draws,
        $confidence
    )
),

described as (
    select
        g,
        any_value(quantity) as quantity,
        any_value(model) as model,
        any_value(other_model) as other_model,
        any_value(method) as method,
        any_value(norm) as norm,
        any_value(operator) as operator,
        any_value(scope) as scope,
        any_value(layer) as layer,
        count(distinct dataset_id) as n_concepts,
        min(n_multipliers) as n_multipliers,
        bool_and(complete) as complete
    from numbered
    group by g
),

ours as (
    select
        described.* exclude (g),
        correlation.spearman as value,
        if(
            described.quantity = 'relative_distance_spearman',
            correlation.bootstrap_low,
            correlation.spearman_low
        ) as low,
        if(
            described.quantity = 'relative_distance_spearman',
            correlation.bootstrap_high,
            correlation.spearman_high
        ) as high,
        if(described.quantity = 'relative_distance_spearman', null, correlation.spearman_p) as p,
        correlation.bootstrap_low,
        correlation.bootstrap_high
    from described
    inner join correlation using (g)
    union all by name
    select
        'nearly_half_anti_steerable' as quantity,
        any_value(model) as model,
        null as other_model,
        method,
        norm,
        operator,
        scope,
        layer,
        count(distinct dataset_id) as n_concepts,
        min(n_multipliers) as n_multipliers,
        bool_and(complete) as complete,
        count(*) filter (where anti_steerable >= 0.4) as value
    from setting
    where setting = 'id'
    group by model_id, method, norm, operator, scope, layer
),

published as (
    select
        quantity,
        lower(model) as model,
        lower(other_model) as other_model,
        value::double as value,
        words,
        source
    from read_csv($published, header = true, all_varchar = true)
)

select
    coalesce(ours.quantity, published.quantity) as quantity,
    coalesce(ours.model, published.model) as model,
    coalesce(ours.other_model, published.other_model) as other_model,
    ours.layer,
    ours.value as ours,
    ours.low as ours_low,
    ours.high as ours_high,
    ours.n_concepts,
    published.value as published,
    published.value between ours.low and ours.high as within,
    if(
        coalesce(ours.quantity, published.quantity) in (
            'cross_model_id_spearman', 'nearly_half_anti_steerable', 'range_spearman'
        ),
        'as published',
        'wording differs'
    ) as wording,
    ours.complete,
    published.words as published_words,
    published.source as published_source,
    ours.p as ours_p,
    ours.bootstrap_low,
    ours.bootstrap_high,
    case coalesce(ours.quantity, published.quantity)
        when 'id_ood_spearman' then 'tan_id_ood'
        when 'cross_model_id_spearman' then 'tan_cross_model'
        when 'cross_model_ood_spearman' then 'tan_cross_model'
        when 'relative_distance_spearman' then 'tan_relative_steerability'
        when 'nearly_half_anti_steerable' then 'tan_slopes'
        when 'range_spearman' then 'tan_multiplier_ranges'
    end as analysis,
    ours.method,
    ours.norm,
    ours.operator,
    ours.scope,
    $split as split,
    ours.n_multipliers,
    1.5::double as multiplier_bound
from ours
full join published
    on
        published.quantity = ours.quantity
        and list_sort([published.model, coalesce(published.other_model, '')])
        = list_sort([lower(ours.model), coalesce(lower(ours.other_model), '')])
order by
    quantity, model, other_model, ours.method, ours.norm, ours.operator, ours.scope, ours.layer
