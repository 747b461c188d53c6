-- question: Do concepts that steer well where their vector was fitted also steer well under a prompt shift?
-- grain: model, method, norm, operator, scope, layer, fit variant, evaluation variant
-- source: Tan et al. 2024 (arXiv 2407.12404), section 5: Spearman over data sets between the mean slope
--   of base -> base and of system_positive -> user_negative (make_figures_steering_ood.py). The unit
--   is the concept: Bonett and Wright 2000 for Spearman, Fisher's z for Pearson, a bootstrap beside
--   them. A concept's own error is in the numbers and draws a correlation towards 0
--   (`noise_share`). Several seeds of a cell are averaged
-- params:
--   filters
--   fit_variant       varchar                base  variant the vector of the reference cell was fitted on
--   variant           varchar                base  variant the reference cell was asked under
--   split             train|validation|test  test  split that is reported
--   layer             layer                  null  one layer, or `best` = the one that validation chose per concept; null = each layer by itself
--   items             all|without_leaked|without_low_confidence|without_both  all  which items count: `without_leaked` leaves out
--     questions that the vector was fitted on, `without_low_confidence` labels below .8
--   multiplier_bound  positive               1.5   slopes are fitted over abs(multiplier) up to this
--   confidence        fraction               0.95  level of the intervals
--   draws             count                  1000  bootstrap resamples of concepts
-- columns:
--   model                   model
--   method                  how the vectors were fitted
--   layer                   decoder block that is steered, null for `best` (one for each concept)
--   fit_variant             variant the vectors of this cell were fitted on
--   variant                 variant its questions are asked under
--   n_concepts              concepts measured in both cells
--   spearman                rank correlation over concepts with the reference cell
--   spearman_low            lower end of its Bonett-Wright interval
--   spearman_high           upper end
--   spearman_p              two-sided p of no correlation
--   bootstrap_low           lower end of the percentile bootstrap interval of spearman
--   bootstrap_high          upper end
--   mean_steerability       mean over concepts of this cell's steerability
--   reference_steerability  the same of the reference cell
--   complete                false where an asked measurement is missing
-- further columns:
--   spearman_q              Benjamini-Hochberg q of spearman_p over this table
--   pearson                 correlation of the steerabilities themselves
--   pearson_low             lower end of its interval by Fisher's z
--   pearson_high            upper end
--   pearson_p               two-sided p of no correlation
--   noise_share             share of this cell's variance over concepts that is the concepts' own error
--   reference_noise_share   the same of the reference cell
--   norm                    how the vectors were scaled
--   operator                how they were applied
--   scope                   where they were applied
--   split                   split that is reported
--   n_multipliers           multipliers behind a slope (the fewest)
--   multiplier_bound        slopes are fitted over abs(multiplier) up to this
--   model_id                the model

with
cell as materialized (
    select
        model_id,
        model,
        dataset_id,
        method,
        norm,
        operator,
        parameters,
        scope,
        fit_variant,
        variant,
        if($layer = 'best', null, layer) as layer,
        avg(steerability) as steerability,
        sum(standard_error * standard_error) / pow(count(*), 2) as variance,
        min(n_multipliers) as n_multipliers,
        bool_and(complete) as complete
    from asked_steerability(
        $experiment, $model, $concept, $method, 'fitted', $split, $layer, $multiplier_bound,
        $confidence,
        items := $items
    )
    where resample is null and fit_dataset_ids = [dataset_id] and not degenerate
    group by all
),

matched as materialized (
    select
        cell.*,
        reference.steerability as reference,
        reference.variance as reference_variance,
        reference.n_multipliers as reference_n_multipliers,
        reference.complete as reference_complete,
        dense_rank() over (
            order by
                cell.model_id, cell.method, cell.norm, cell.operator, cell.parameters, cell.scope,
                cell.layer, cell.fit_variant, cell.variant
        ) as g
    from cell
    inner join cell as reference
        on
            reference.fit_variant = $fit_variant
            and reference.variant = $variant
            and reference.model_id = cell.model_id
            and reference.dataset_id = cell.dataset_id
            and reference.method = cell.method
            and reference.norm = cell.norm
            and reference.operator = cell.operator
            and reference.parameters = cell.parameters
            and reference.scope = cell.scope
            and reference.layer is not distinct from cell.layer
    where (cell.fit_variant, cell.variant) <> ($fit_variant, $variant)
),

correlation as materialized (
    from correlations(
        (
            select list({'g': g, 'c': dataset_id, 'x': reference, 'y': steerability})
            from matched
        ),
        $draws,
        $confidence
    )
),

family as (
    from q_values((select list({'id': g, 'family': 0, 'p': spearman_p}) from correlation))
)

select
    any_value(matched.model) as model,
    matched.method,
    matched.layer,
    matched.fit_variant,
    matched.variant,
    any_value(correlation.n) as n_concepts,
    any_value(correlation.spearman) as spearman,
    any_value(correlation.spearman_low) as spearman_low,
    any_value(correlation.spearman_high) as spearman_high,
    any_value(correlation.spearman_p) as spearman_p,
    any_value(correlation.bootstrap_low) as bootstrap_low,
    any_value(correlation.bootstrap_high) as bootstrap_high,
    avg(matched.steerability) as mean_steerability,
    avg(matched.reference) as reference_steerability,
    bool_and(matched.complete and matched.reference_complete) as complete,
    any_value(family.q) as spearman_q,
    any_value(correlation.pearson) as pearson,
    any_value(correlation.pearson_low) as pearson_low,
    any_value(correlation.pearson_high) as pearson_high,
    any_value(correlation.pearson_p) as pearson_p,
    avg(matched.variance) / nullif(var_samp(matched.steerability), 0) as noise_share,
    avg(matched.reference_variance) / nullif(var_samp(matched.reference), 0)
        as reference_noise_share,
    matched.norm,
    matched.operator,
    matched.scope,
    $split as split,
    min(least(matched.n_multipliers, matched.reference_n_multipliers)) as n_multipliers,
    $multiplier_bound::double as multiplier_bound,
    matched.model_id
from matched
inner join correlation using (g)
left join family on family.id = matched.g
group by
    matched.g, matched.model_id, matched.method, matched.norm, matched.operator, matched.scope,
    matched.layer, matched.fit_variant, matched.variant
order by
    model, matched.method, matched.layer, matched.fit_variant, matched.variant, matched.norm,
    matched.operator, matched.scope, matched.model_id, matched.g
