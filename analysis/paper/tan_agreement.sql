-- question: Do our figures per concept agree with those of Tan et al. 2024?
-- grain: model, method, norm, operator, scope, layer, comparison
-- source: published values per concept read off Fig. 13 of Tan et al. 2024 by Braun et al. 2025; rank
--   correlations with Bonett and Wright's interval (2000) over concepts, mean differences with
--   Student's t
-- params:
--   filters
--   published         published              tan2024_concepts  published values beside ours: the shipped file or one like it
--   split             train|validation|test  test              split that is reported
--   layer             layer                  null              one layer, or `best` = the one that validation chose per concept; null = each layer by itself
--   multiplier_bound  positive               1.5               slopes are fitted over abs(multiplier) up to this
--   confidence        fraction               0.95              level of the intervals
--   draws             count                  null              bootstrap resamples of concepts, such as 1000; null = none: Bonett and Wright's interval alone
-- columns:
--   model            model
--   method           how the vectors were fitted
--   layer            decoder block that is steered, null for `best` (one for each concept)
--   comparison       `steerability` or `anti_steerable`: ours against the published ones; `within_ours`,
--     `within_published`: steerability against anti-steerable fraction
--   n_concepts       concepts that have both
--   spearman         rank correlation over concepts
--   spearman_low     lower end of its Bonett-Wright interval
--   spearman_high    upper end
--   mean_difference  mean over concepts of ours - published, null within one source
--   difference_low   lower end of its t interval
--   difference_high  upper end
--   published_model  model that the published values are for
--   complete         false where an asked measurement is missing
-- further columns:
--   bootstrap_low    lower end of the percentile bootstrap interval of spearman
--   bootstrap_high   upper end
--   pearson          correlation of the values themselves
--   norm             how the vectors were scaled
--   operator         how they were applied
--   scope            where they were applied
--   split            split that is reported
--   n_multipliers    multipliers behind a slope (the fewest)
--   multiplier_bound  slopes are fitted over abs(multiplier) up to this
--   published_source  where the published values are from

with
published as materialized (
    select
        lower(concept) as concept,
        any_value(model) as model,
        any_value(source) as source,
        max(value::double) filter (where quantity = 'steerability') as steerability,
        max(value::double) filter (where quantity = 'anti_steerable_fraction') as anti_steerable
    from read_csv($published, header = true, all_varchar = true)
    group by lower(concept)
),

ours as materialized (
    select
        model_id,
        any_value(model) as model,
        lower(concept) as concept,
        method,
        norm,
        operator,
        scope,
        if($layer = 'best', null, layer) as layer,
        avg(steerability) as steerability,
        avg(anti_steerable_fraction_tan) as anti_steerable,
        min(n_multipliers) as n_multipliers,
        bool_and(complete) as complete,
        dense_rank() over (
            order by model_id, method, norm, operator, scope, if($layer = 'best', null, layer)
        ) as family
    from asked_steerability(
        $experiment, $model, $concept, $method, 'fitted', $split, $layer, $multiplier_bound,
        $confidence
    ) as card
    where
        resample is null
        and fit_dataset_ids = [dataset_id]
        and fit_variant = 'base'
        and variant = 'base'
        and not degenerate
    group by
        model_id, lower(concept), method, norm, operator, scope, if($layer = 'best', null, layer)
),

point as materialized (
    select
        ours.* exclude (steerability, anti_steerable),
        published.model as published_model,
        published.source as published_source,
        unnest([
            {
                'comparison': 'steerability',
                'x': published.steerability,
                'y': ours.steerability,
                'difference': ours.steerability - published.steerability
            },
            {
                'comparison': 'anti_steerable',
                'x': published.anti_steerable,
                'y': ours.anti_steerable,
                'difference': ours.anti_steerable - published.anti_steerable
            },
            {
                'comparison': 'within_ours',
                'x': ours.steerability,
                'y': ours.anti_steerable,
                'difference': null
            },
            {
                'comparison': 'within_published',
                'x': published.steerability,
                'y': published.anti_steerable,
                'difference': null
            }
        ], recursive := true)
    from ours
    inner join published using (concept)
),

correlation as (
    from correlations(
        (select list({'g': family || comparison, 'c': concept, 'x': x, 'y': y}) from point),
        $draws,
        $confidence
    )
),

summary as (
    select
        family,
        comparison,
        any_value(model) as model,
        any_value(method) as method,
        any_value(layer) as layer,
        any_value(norm) as norm,
        any_value(operator) as operator,
        any_value(scope) as scope,
        any_value(published_model) as published_model,
        any_value(published_source) as published_source,
        min(n_multipliers) as n_multipliers,
        bool_and(complete) as complete,
        avg(difference) as mean_difference,
        mean_half_width(difference, $confidence) as half_width
    from point
    group by family, comparison
)

select
    summary.model,
    summary.method,
    summary.layer,
    summary.comparison,
    correlation.n as n_concepts,
    correlation.spearman,
    correlation.spearman_low,
    correlation.spearman_high,
    summary.mean_difference,
    summary.mean_difference - summary.half_width as difference_low,
    summary.mean_difference + summary.half_width as difference_high,
    summary.published_model,
    summary.complete,
    correlation.bootstrap_low,
    correlation.bootstrap_high,
    correlation.pearson,
    summary.norm,
    summary.operator,
    summary.scope,
    $split as split,
    summary.n_multipliers,
    $multiplier_bound::double as multiplier_bound,
    summary.published_source
from summary
inner join correlation on correlation.g = summary.family || summary.comparison
order by summary.model, summary.family, summary.comparison
