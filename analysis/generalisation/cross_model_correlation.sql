-- question: Do the concepts that steer well in one model also steer well in another?
-- grain: pair of models, method, norm, operator, scope, layer, fit variant, evaluation variant
-- source: Tan et al. 2024 (arXiv 2407.12404), section 5: Spearman over data sets between Llama-2-7b
--   and Qwen1.5-14b, in and out of distribution. The unit is the concept: Bonett and Wright 2000 for
--   Spearman, Fisher's z for Pearson, a bootstrap beside them. Several seeds of a cell are averaged
-- params:
--   filters
--   split             train|validation|test  test  split that is reported
--   layer             layer                  best  `best` = the one that validation chose for each model and concept, or the same number in both; null = each number
--   multiplier_bound  positive               1.5   slopes are fitted over abs(multiplier) up to this
--   confidence        fraction               0.95  level of the intervals
--   draws             count                  1000  bootstrap resamples of concepts
-- columns:
--   model_a              one model
--   model_b              the other
--   method               how the vectors were fitted
--   layer                decoder block that is steered, null for `best` (one for each model and concept)
--   fit_variant          variant the vectors were fitted on
--   variant              variant the questions are asked under
--   in_distribution      whether they are the same
--   n_concepts           concepts measured in both models
--   spearman             rank correlation over concepts
--   spearman_low         lower end of its Bonett-Wright interval
--   spearman_high        upper end
--   spearman_p           two-sided p of no correlation
--   bootstrap_low        lower end of the percentile bootstrap interval of spearman
--   bootstrap_high       upper end
--   mean_steerability_a  mean over concepts of the steerability in model_a
--   mean_steerability_b  the same in model_b
--   complete             false where an asked measurement is missing
-- further columns:
--   spearman_q           Benjamini-Hochberg q of spearman_p over this table
--   pearson              correlation of the steerabilities themselves
--   pearson_low          lower end of its interval by Fisher's z
--   pearson_high         upper end
--   pearson_p            two-sided p of no correlation
--   norm                 how the vectors were scaled
--   operator             how they were applied
--   scope                where they were applied
--   split                split that is reported
--   n_multipliers        multipliers behind a slope (the fewest)
--   multiplier_bound     slopes are fitted over abs(multiplier) up to this
--   model_id_a           one model
--   model_id_b           the other

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
        min(n_multipliers) as n_multipliers,
        bool_and(complete) as complete
    from asked_steerability(
        $experiment, $model, $concept, $method, 'fitted', $split, $layer, $multiplier_bound,
        $confidence
    )
    where resample is null and fit_dataset_ids = [dataset_id] and not degenerate
    group by all
),

matched as materialized (
    select
        a.*,
        b.model_id as model_id_b,
        b.model as model_b,
        b.steerability as steerability_b,
        least(a.n_multipliers, b.n_multipliers) as fewest_multipliers,
        a.complete and b.complete as both_complete,
        dense_rank() over (
            order by
                a.model_id, b.model_id, a.method, a.norm, a.operator, a.parameters, a.scope,
                a.layer, a.fit_variant, a.variant
        ) as g
    from cell as a
    inner join cell as b
        on
            (a.model, a.model_id) < (b.model, b.model_id)
            and b.dataset_id = a.dataset_id
            and b.method = a.method
            and b.norm = a.norm
            and b.operator = a.operator
            and b.parameters = a.parameters
            and b.scope = a.scope
            and b.fit_variant = a.fit_variant
            and b.variant = a.variant
            and b.layer is not distinct from a.layer
),

correlation as materialized (
    from correlations(
        (
            select list({'g': g, 'c': dataset_id, 'x': steerability, 'y': steerability_b})
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
    any_value(matched.model) as model_a,
    any_value(matched.model_b) as model_b,
    matched.method,
    matched.layer,
    matched.fit_variant,
    matched.variant,
    matched.fit_variant = matched.variant as in_distribution,
    any_value(correlation.n) as n_concepts,
    any_value(correlation.spearman) as spearman,
    any_value(correlation.spearman_low) as spearman_low,
    any_value(correlation.spearman_high) as spearman_high,
    any_value(correlation.spearman_p) as spearman_p,
    any_value(correlation.bootstrap_low) as bootstrap_low,
    any_value(correlation.bootstrap_high) as bootstrap_high,
    avg(matched.steerability) as mean_steerability_a,
    avg(matched.steerability_b) as mean_steerability_b,
    bool_and(matched.both_complete) as complete,
    any_value(family.q) as spearman_q,
    any_value(correlation.pearson) as pearson,
    any_value(correlation.pearson_low) as pearson_low,
    any_value(correlation.pearson_high) as pearson_high,
    any_value(correlation.pearson_p) as pearson_p,
    matched.norm,
    matched.operator,
    matched.scope,
    $split as split,
    min(matched.fewest_multipliers) as n_multipliers,
    $multiplier_bound::double as multiplier_bound,
    matched.model_id as model_id_a,
    matched.model_id_b
from matched
inner join correlation using (g)
left join family on family.id = matched.g
group by
    matched.g, matched.model_id, matched.model_id_b, matched.method, matched.norm,
    matched.operator, matched.scope, matched.layer, matched.fit_variant, matched.variant
order by
    model_a, model_b, matched.method, matched.layer, matched.fit_variant, matched.variant,
    matched.norm, matched.operator, matched.scope, matched.g
