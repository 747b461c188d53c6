-- question: Tan et al. 2024, layer sweep: at which layer do the concepts steer most, on average?
-- grain: model, method, norm, operator, scope, layer
-- source: Tan et al. 2024 (arXiv 2407.12404), section 3 and appendix: one layer per model, by a sweep over
--   all layers on validation items. The interval is over concepts (Student's t)
-- params:
--   filters
--   published         published              tan2024_layers  the published layers: the shipped file or one like it
--   split             train|validation|test  validation      split that is reported
--   multiplier_bound  positive               1.5             slopes are fitted over abs(multiplier) up to this
--   confidence        fraction               0.95            level of the intervals
-- columns:
--   model              model
--   method             how the vectors were fitted
--   layer              decoder block whose output is steered
--   n_concepts         concepts measured there
--   mean_steerability  mean over concepts of the mean slope
--   mean_low           lower end of its t interval over concepts
--   mean_high          upper end
--   n_best             concepts that steer most at this layer
--   chosen             whether the mean is the largest of this model's layers
--   published_layer    the layer of the paper, null for models it does not have
--   complete           false where an asked measurement is missing
-- further columns:
--   published_words    what is known of it
--   published_source   where it is from
--   norm               how the vectors were scaled
--   operator           how they were applied
--   scope              where they were applied
--   split              split that is reported
--   n_multipliers      multipliers behind a slope (the fewest)
--   multiplier_bound   slopes are fitted over abs(multiplier) up to this

with
cell as materialized (
    select
        *,
        row_number() over (
            partition by model_id, dataset_id, method, norm, operator, parameters, scope, seed
            order by round(steerability, 6) desc, layer
        ) = 1 as best
    from asked_steerability(
        $experiment, $model, $concept, $method, 'fitted', $split, null, $multiplier_bound,
        $confidence
    )
    where
        resample is null
        and fit_dataset_ids = [dataset_id]
        and fit_variant = 'base'
        and variant = 'base'
        and not degenerate
),

summary as (
    select
        model_id,
        any_value(model) as model,
        method,
        norm,
        operator,
        scope,
        layer,
        count(distinct dataset_id) as n_concepts,
        avg(steerability) as mean,
        t_factor($confidence, count(distinct dataset_id)) * stddev_samp(steerability)
        / sqrt(count(distinct dataset_id)) as half_width,
        count(distinct dataset_id) filter (where best) as n_best,
        min(n_multipliers) as n_multipliers,
        bool_and(complete) as complete
    from cell
    group by model_id, method, norm, operator, scope, layer
),

published as (
    select
        lower(model) as model,
        layer::integer as layer,
        words,
        source
    from read_csv($published, header = true, all_varchar = true)
)

select
    summary.model,
    summary.method,
    summary.layer,
    summary.n_concepts,
    summary.mean as mean_steerability,
    summary.mean - summary.half_width as mean_low,
    summary.mean + summary.half_width as mean_high,
    summary.n_best,
    row_number() over (
        partition by
            summary.model_id, summary.method, summary.norm, summary.operator, summary.scope
        order by round(summary.mean, 6) desc, summary.layer
    ) = 1 as chosen,
    published.layer as published_layer,
    summary.complete,
    published.words as published_words,
    published.source as published_source,
    summary.norm,
    summary.operator,
    summary.scope,
    $split as split,
    summary.n_multipliers,
    $multiplier_bound::double as multiplier_bound
from summary
left join published on published.model = lower(summary.model)
order by
    summary.model, summary.method, summary.norm, summary.operator, summary.scope, summary.layer,
    summary.model_id
