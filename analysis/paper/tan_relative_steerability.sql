-- question: Tan et al. 2024, relative-steerability and cosine figures: do vectors carry over less where prompts are further apart?
-- grain: run, layer: every fit variant x other evaluation variant
-- source: Tan et al. 2024 (arXiv 2407.12404), plot_persona_relative_steerability_trends.py and
--   plot_persona_cos_sim_trends.py: s(v_A, D_B) / abs(s(v_B, D_B)) where the denominator is above 0.25,
--   and the cosine of both vectors, against the mean unsteered abs(difference of logit differences).
--   The view generalisation holds the formulas; relative_steerability, vector_cosine and
--   variant_distance give each number its interval
-- params:
--   filters
--   split             train|validation|test  test  split that is reported
--   layer             layer                  null  one layer, or `best` = the one that validation chose; null = all
-- columns:
--   model                 model
--   concept               concept
--   layer                 decoder block whose output is steered
--   fit_variant           variant A that the vector was fitted on
--   variant               variant B that the questions are asked under
--   steerability          mean slope of A's vector on B
--   own_steerability      mean slope of B's own vector on B
--   relative_steerability  their ratio by the paper's rule, null where own_steerability <= 0.25
--   distance              unsteered mean abs(logit difference under A - under B)
--   cosine                cosine of both vectors
--   wording               `wording differs` where a persona sentence is in A or B: the sentences are ours
--   complete              false where an asked measurement is missing
-- further columns:
--   method                how the vector was fitted
--   norm                  how the vector was scaled
--   operator              how it was applied
--   scope                 where it was applied
--   split                 split that is reported
--   n_items               items with a slope
--   n_multipliers         multipliers behind a slope (the fewest over items)
--   multiplier_bound      slopes are fitted over abs(multiplier) up to this: always 1.5
--   run_id                the run

with
asked as (
    from asked_cards($experiment, $model, $concept, $method, 'fitted', $layer)
)

select
    asked.model,
    asked.concept,
    generalisation.layer,
    asked.fit_variant,
    asked.variant,
    generalisation.steerability,
    generalisation.own_steerability,
    generalisation.relative_steerability,
    generalisation.baseline_shift as distance,
    generalisation.cosine,
    'wording differs' as wording,
    generalisation.complete,
    asked.method,
    asked.norm,
    asked.operator,
    asked.scope,
    generalisation.split,
    generalisation.n_items,
    generalisation.n_multipliers,
    generalisation.multiplier_bound,
    asked.run_id
from generalisation
inner join asked using (run_id)
where
    generalisation.split = $split
    and not generalisation.in_distribution
    and is_layer(generalisation.layer, $layer, asked.chosen_layer)
order by
    asked.model, asked.method, generalisation.layer, asked.fit_variant, asked.variant,
    asked.concept, asked.run_id
