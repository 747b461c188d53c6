-- question: Tan et al. 2024, cross-model figure: how far does each concept steer in one model and in another?
-- grain: pair of models, concept, method, norm, operator, scope, seed, setting (and layer, where asked)
-- source: Tan et al. 2024 (arXiv 2407.12404), section 5: Llama-2-7b against Qwen1.5-14b, in distribution
--   (base -> base) and out of it (system_positive -> user_negative, whose sentences are ours: `wording
--   differs`). The correlations are in tan_headlines and cross_model_correlation
-- params:
--   filters
--   split             train|validation|test  test  split that is reported
--   layer             layer                  best  `best` = the one that validation chose for each model and concept, or the same number in both; null = each number
--   multiplier_bound  positive               1.5   slopes are fitted over abs(multiplier) up to this
--   confidence        fraction               0.95  level of the intervals
-- columns:
--   model_a           one model
--   model_b           the other
--   concept           concept
--   setting           `id` = base -> base, `ood` = system_positive -> user_negative
--   steerability_a    mean slope in model_a
--   low_a             lower end of its cluster-t interval by question
--   high_a            upper end
--   steerability_b    mean slope in model_b
--   low_b             lower end of its cluster-t interval by question
--   high_b            upper end
--   wording           `as published` (the base sentence is the paper's) or `wording differs`
--   complete          false where an asked measurement is missing
-- further columns:
--   layer_a           decoder block that is steered in model_a
--   layer_b           the same in model_b
--   method            how the vectors were fitted
--   norm              how the vectors were scaled
--   operator          how they were applied
--   scope             where they were applied
--   split             split that is reported
--   n_multipliers     multipliers behind a slope (the fewest)
--   multiplier_bound  slopes are fitted over abs(multiplier) up to this
--   run_id_a          the run in model_a
--   run_id_b          the run in model_b

with
cell as materialized (
    select
        *,
        if(variant = 'base', 'id', 'ood') as setting
    from asked_steerability(
        $experiment, $model, $concept, $method, 'fitted', $split, $layer, $multiplier_bound,
        $confidence
    )
    where
        resample is null
        and fit_dataset_ids = [dataset_id]
        and not degenerate
        and (fit_variant, variant) in (('base', 'base'), ('system_positive', 'user_negative'))
)

select
    a.model as model_a,
    b.model as model_b,
    a.concept,
    a.setting,
    a.steerability as steerability_a,
    a.steerability_low as low_a,
    a.steerability_high as high_a,
    b.steerability as steerability_b,
    b.steerability_low as low_b,
    b.steerability_high as high_b,
    if(a.setting = 'id', 'as published', 'wording differs') as wording,
    a.complete and b.complete as complete,
    a.layer as layer_a,
    b.layer as layer_b,
    a.method,
    a.norm,
    a.operator,
    a.scope,
    a.split,
    least(a.n_multipliers, b.n_multipliers) as n_multipliers,
    a.multiplier_bound,
    a.run_id as run_id_a,
    b.run_id as run_id_b
from cell as a
inner join cell as b
    on
        (a.model, a.model_id) < (b.model, b.model_id)
        and b.dataset_id = a.dataset_id
        and b.setting = a.setting
        and b.method = a.method
        and b.norm = a.norm
        and b.operator = a.operator
        and b.parameters = a.parameters
        and b.scope = a.scope
        and b.seed is not distinct from a.seed
        and ($layer = 'best' or b.layer = a.layer)
order by
    a.model, b.model, a.method, a.setting, a.layer, a.steerability desc, a.concept, a.run_id,
    b.run_id
