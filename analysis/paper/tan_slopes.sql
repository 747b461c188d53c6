-- question: Tan et al. 2024, Fig. 1 and 13: how are the slopes of each concept spread, and how many go the wrong way?
-- grain: run, layer
-- source: Tan et al. 2024 (arXiv 2407.12404), make_figures_steering_id.py: per-item slopes on base ->
--   base, anti-steerable = 1 - mean(slope > 0); intervals by question are ours. Published per-concept
--   values were read off a plot by Braun et al. 2025
-- params:
--   filters
--   fit_variant       varchar                base               variant the vector was fitted on
--   variant           varchar                base               variant the questions are asked under
--   published         published              tan2024_concepts   published values beside ours: the shipped file or one like it
--   split             train|validation|test  test               split that is reported
--   layer             layer                  null               one layer, or `best` = the one that validation chose; null = all
--   multiplier_bound  positive               1.5                slopes are fitted over abs(multiplier) up to this
--   confidence        fraction               0.95               level of the intervals
-- columns:
--   model                    model
--   concept                  concept
--   layer                    decoder block whose output is steered
--   rank                     place of the concept by mean slope within model, method and layer, 1 = largest
--   shown                    whether Fig. 1's rule shows it: the first and last 4, ranks 10, 17, 23, 30, and myopic-reward
--   steerability             mean slope
--   steerability_low         lower end of its cluster-t interval by question
--   steerability_high        upper end
--   published_steerability   the published value, null where there is none
--   anti_steerable           1 - mean(slope > 0)
--   anti_steerable_low       lower end of its Wilson interval on effective items
--   anti_steerable_high      upper end
--   published_anti_steerable  the published value, null where there is none
--   published_model          model that the published values are for
--   complete                 false where an asked measurement is missing
-- further columns:
--   method                   how the vector was fitted
--   p05                      slope that 5 % of the items stay below
--   p25                      lower quartile
--   median                   median slope
--   p75                      upper quartile
--   p95                      slope that 95 % of the items stay below
--   steerability_precision   how exactly the published value was read
--   anti_steerable_precision  how exactly the published value was read
--   published_source         where the published values are from
--   norm                     how the vector was scaled
--   operator                 how it was applied
--   scope                    where it was applied
--   split                    split that is reported
--   n_items                  items with a slope
--   n_questions              questions they belong to
--   n_multipliers            multipliers behind a slope (the fewest over items)
--   multiplier_bound         slopes are fitted over abs(multiplier) up to this
--   run_id                   the run

with
fitted as materialized (
    select *
    from asked_steerability(
        $experiment, $model, $concept, $method, 'fitted', $split, $layer, $multiplier_bound,
        $confidence
    )
    where
        resample is null
        and fit_dataset_ids = [dataset_id]
        and fit_variant = $fit_variant
        and variant = $variant
),

spread as (
    select
        run_id,
        layer,
        quantile_cont(slope, [0.05, 0.25, 0.5, 0.75, 0.95]) as slopes
    from asked_item_slopes(
        $experiment, $model, $concept, $method, 'fitted', $split, $layer, $multiplier_bound
    )
    where run_id in (select run_id from fitted)
    group by run_id, layer
),

published as (
    select
        lower(concept) as concept,
        any_value(model) as model,
        any_value(source) as source,
        max(value::double) filter (where quantity = 'steerability') as steerability,
        max(precision::double) filter (where quantity = 'steerability') as steerability_precision,
        max(value::double) filter (where quantity = 'anti_steerable_fraction') as anti_steerable,
        max(precision::double) filter (where quantity = 'anti_steerable_fraction')
            as anti_steerable_precision
    from read_csv($published, header = true, all_varchar = true)
    group by lower(concept)
),

ranked as (
    select
        fitted.*,
        rank() over (same_figure order by fitted.steerability desc) as place,
        count(*) over same_figure as n_places
    from fitted
    window same_figure as (partition by model_id, method, norm, operator, scope, seed, layer)
)

select
    ranked.model,
    ranked.concept,
    ranked.layer,
    ranked.place as rank,
    ranked.place <= 4
    or ranked.place > ranked.n_places - 4
    or ranked.place in (10, 17, 23, 30)
    or ranked.concept = 'myopic-reward' as shown,
    ranked.steerability,
    ranked.steerability_low,
    ranked.steerability_high,
    published.steerability as published_steerability,
    ranked.anti_steerable_fraction_tan as anti_steerable,
    ranked.anti_steerable_tan_low as anti_steerable_low,
    ranked.anti_steerable_tan_high as anti_steerable_high,
    published.anti_steerable as published_anti_steerable,
    published.model as published_model,
    ranked.complete,
    ranked.method,
    spread.slopes[1] as p05,
    spread.slopes[2] as p25,
    spread.slopes[3] as median,
    spread.slopes[4] as p75,
    spread.slopes[5] as p95,
    published.steerability_precision,
    published.anti_steerable_precision,
    published.source as published_source,
    ranked.norm,
    ranked.operator,
    ranked.scope,
    ranked.split,
    ranked.n_items,
    ranked.n_questions,
    ranked.n_multipliers,
    ranked.multiplier_bound,
    ranked.run_id
from ranked
inner join spread using (run_id, layer)
left join published on published.concept = lower(ranked.concept)
order by
    ranked.model, ranked.method, ranked.norm, ranked.operator, ranked.scope, ranked.layer,
    rank, ranked.concept, ranked.run_id
