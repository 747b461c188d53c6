-- question: Does the geometry of a vector's training differences go with how well it steers?
-- grain: model, method, norm, operator, scope, fit variant, layer, outcome, predictor
-- source: Braun et al. 2025 (arXiv 2505.22637): Spearman over 36 data sets of directional agreement and
--   separability with steerability and anti-steerable fraction. The unit is the concept: Bonett and
--   Wright 2000, a bootstrap beside it. What all predictors say together, on concepts left out, is
--   predicted_reliability
-- params:
--   filters
--   split             train|validation|test  test  split that is reported
--   layer             layer                  null  one layer, or `best` = the one that validation chose per concept; null = each layer by itself
--   multiplier_bound  positive               1.5   slopes are fitted over abs(multiplier) up to this
--   confidence        fraction               0.95  level of the intervals
--   draws             count                  null  bootstrap resamples of concepts, such as 1000; null = none: Bonett and Wright's interval alone
-- columns:
--   model             model
--   method            how the vectors were fitted
--   layer             decoder block that is steered, null for `best` (one for each concept)
--   fit_variant       variant they were fitted on
--   outcome           steerability, anti_steerable_fraction (both at home) or ood_gap (mean steerability
--     under other variants - at home)
--   predictor         column of the view vector_geometry (log_relative_length = its logarithm)
--   n_concepts        concepts that have both
--   spearman          rank correlation over concepts
--   spearman_low      lower end of its Bonett-Wright interval
--   spearman_high     upper end
--   spearman_q        Benjamini-Hochberg q of spearman_p over predictors, by model, layer and outcome
--   complete          false where an asked measurement is missing
-- further columns:
--   spearman_p        two-sided p of no correlation
--   bootstrap_low     lower end of the percentile bootstrap interval
--   bootstrap_high    upper end
--   pearson           correlation of the values themselves
--   norm              how the vectors were scaled
--   operator          how they were applied
--   scope             where they were applied
--   split             split that is reported
--   n_multipliers     multipliers behind a slope (the fewest)
--   multiplier_bound  slopes are fitted over abs(multiplier) up to this
--   model_id          the model

with
outcome as materialized (
    select
        *,
        dense_rank() over (
            order by model_id, method, norm, operator, parameters, scope, fit_variant, layer
        ) as family
    from asked_outcomes(
        $experiment, $model, $concept, $method, $split, $layer, $multiplier_bound
    )
),

long_outcome as (
    unpivot outcome on steerability, anti_steerable_fraction, ood_gap
    into name outcome_name value outcome_value
),

point as materialized (
    unpivot long_outcome
    on
        log_relative_length, mean_cosine, d_prime, auroc, overlap, effective_rank,
        replicate_cosine
    into name predictor value predictor_value
),

numbered as materialized (
    select
        *,
        dense_rank() over (order by family, outcome_name, predictor) as g
    from point
),

correlation as materialized (
    from correlations(
        (
            select list({'g': g, 'c': dataset_id, 'x': predictor_value, 'y': outcome_value})
            from numbered
        ),
        $draws,
        $confidence
    )
),

described as (
    select
        g,
        any_value(family) as family,
        any_value(outcome_name) as outcome,
        any_value(predictor) as predictor,
        any_value(model_id) as model_id,
        any_value(model) as model,
        any_value(method) as method,
        any_value(norm) as norm,
        any_value(operator) as operator,
        any_value(scope) as scope,
        any_value(fit_variant) as fit_variant,
        any_value(layer) as layer,
        min(n_multipliers) as n_multipliers,
        bool_and(complete) as complete
    from numbered
    group by g
),

q as (
    from q_values((
        select list({
            'id': described.g,
            'family': described.family || described.outcome,
            'p': correlation.spearman_p
        })
        from described
        inner join correlation using (g)
    ))
)

select
    described.model,
    described.method,
    described.layer,
    described.fit_variant,
    described.outcome,
    described.predictor,
    correlation.n as n_concepts,
    correlation.spearman,
    correlation.spearman_low,
    correlation.spearman_high,
    q.q as spearman_q,
    described.complete,
    correlation.spearman_p,
    correlation.bootstrap_low,
    correlation.bootstrap_high,
    correlation.pearson,
    described.norm,
    described.operator,
    described.scope,
    $split as split,
    described.n_multipliers,
    $multiplier_bound::double as multiplier_bound,
    described.model_id
from described
inner join correlation using (g)
left join q on q.id = described.g
order by described.model, described.family, described.outcome, described.predictor
