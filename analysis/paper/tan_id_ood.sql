-- question: Tan et al. 2024, ID/OOD figure: how far does each concept steer at home and under the plotted shifts?
-- grain: model, concept, method, norm, operator, scope, seed, layer, shift
-- source: Tan et al. 2024 (arXiv 2407.12404), section 5, make_figures_steering_ood.py and paper/helpers.py:
--   base -> base against four shifts. Its prompt sentences per concept are not ours, so every row
--   says `wording differs`; the correlations are in tan_headlines and id_ood_correlation
-- params:
--   filters
--   split             train|validation|test  test  split that is reported
--   layer             layer                  null  one layer, or `best` = the one that validation chose; null = all
--   multiplier_bound  positive               1.5   slopes are fitted over abs(multiplier) up to this
--   confidence        fraction               0.95  level of the intervals
-- columns:
--   model             model
--   concept           concept
--   layer             decoder block whose output is steered
--   shift             fit variant -> evaluation variant
--   id_steerability   mean slope of base -> base
--   id_low            lower end of its cluster-t interval by question
--   id_high           upper end
--   ood_steerability  mean slope under the shift
--   ood_low           lower end of its cluster-t interval by question
--   ood_high          upper end
--   wording           `wording differs`: the sentences of the shift are ours, not the paper's
--   complete          false where an asked measurement is missing
-- further columns:
--   method            how the vector was fitted
--   headline          whether the paper's ID/OOD correlation is over this shift
--   norm              how the vector was scaled
--   operator          how it was applied
--   scope             where it was applied
--   seed              seed of the vector, null where none is used
--   split             split that is reported
--   n_items           items with a slope under the shift
--   n_multipliers     multipliers behind a slope (the fewest over items)
--   multiplier_bound  slopes are fitted over abs(multiplier) up to this
--   id_run_id         the run at home
--   ood_run_id        the run under the shift

with
cell as materialized (
    select *
    from asked_steerability(
        $experiment, $model, $concept, $method, 'fitted', $split, $layer, $multiplier_bound,
        $confidence
    )
    where resample is null and fit_dataset_ids = [dataset_id]
)

select
    ood.model,
    ood.concept,
    ood.layer,
    ood.fit_variant || ' -> ' || ood.variant as shift,
    id.steerability as id_steerability,
    id.steerability_low as id_low,
    id.steerability_high as id_high,
    ood.steerability as ood_steerability,
    ood.steerability_low as ood_low,
    ood.steerability_high as ood_high,
    'wording differs' as wording,
    id.complete and ood.complete as complete,
    ood.method,
    ood.fit_variant = 'system_positive' as headline,
    ood.norm,
    ood.operator,
    ood.scope,
    ood.seed,
    ood.split,
    ood.n_items,
    least(id.n_multipliers, ood.n_multipliers) as n_multipliers,
    ood.multiplier_bound,
    id.run_id as id_run_id,
    ood.run_id as ood_run_id
from cell as ood
inner join cell as id
    on
        id.model_id = ood.model_id
        and id.dataset_id = ood.dataset_id
        and id.method = ood.method
        and id.norm = ood.norm
        and id.operator = ood.operator
        and id.parameters = ood.parameters
        and id.scope = ood.scope
        and id.seed is not distinct from ood.seed
        and id.layer = ood.layer
        and id.fit_variant = 'base'
        and id.variant = 'base'
where
    (ood.fit_variant, ood.variant) in (
        ('base', 'user_negative'),
        ('base', 'user_positive'),
        ('system_positive', 'user_negative'),
        ('system_negative', 'user_positive')
    )
order by
    ood.model, ood.method, ood.layer, shift, id_steerability desc, ood.concept, ood.run_id,
    id.run_id
