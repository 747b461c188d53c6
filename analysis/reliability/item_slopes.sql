-- question: How does each item move?
-- grain: run, layer, item
-- source: Tan et al. 2024 (arXiv 2407.12404), section 3: least-squares slope per item
-- params:
--   filters
--   split             train|validation|test  test    split that is reported
--   role              fitted|null|resample   fitted  vectors: fitted, resample or null
--   layer             layer                  null    one layer, or `best` = the one that validation chose; null = all
--   multiplier_bound  positive               1.5     slopes are fitted over abs(multiplier) up to this
-- columns:
--   model                model
--   concept              concept that the question asks about
--   variant              prompt variant it is asked under
--   method               how the vector was fitted
--   layer                decoder block whose output is steered
--   item_id              question, option order and symbols
--   slope                logits per multiplier
--   r2                   share of the item's curve that the line explains, null where it is flat
--   baseline_logit_diff  unsteered logit difference
--   anti_steerable       slope <= -slope_floor
--   unmoved              abs(slope) < slope_floor
--   positive_option      0 or 1: which option shows the concept
--   positive_answer      Yes or No where the positive option begins so
--   complete             false where an asked measurement of the run and layer is missing
-- further columns:
--   fit_concept          concept the vector was fitted on
--   fit_variant          variant it was fitted on
--   seed                 seed of the vector, null where none is used
--   resample             bootstrap draw of the training questions, null for the full fit
--   norm                 how the vector was scaled
--   operator             how it was applied
--   scope                where it was applied
--   split                split that is reported
--   question_id          the question, in whatever order its options stand
--   option_order         original or swapped, against the source
--   label_confidence     how sure the source is of its label
--   copies               how often the source holds the item
--   intercept            logit difference of the line at multiplier 0
--   n_multipliers        multipliers behind the slope
--   multiplier_bound     slopes are fitted over abs(multiplier) up to this
--   slope_floor          smallest slope that can be told from nothing
--   run_id               the run

with
asked as (
    from asked_cards($experiment, $model, $concept, $method, $role, $layer)
),

missing as (
    from missing_of($experiment, $model, $concept, $method)
    where split = $split
)

select
    slopes.model,
    slopes.concept,
    slopes.variant,
    slopes.method,
    slopes.layer,
    slopes.item_id,
    slopes.slope,
    slopes.r2,
    slopes.baseline_logit_diff,
    slopes.anti_steerable,
    slopes.unmoved,
    slopes.positive_option,
    slopes.positive_answer,
    coalesce(missing.n_missing, 0) = 0 as complete,
    slopes.fit_concept,
    slopes.fit_variant,
    slopes.seed,
    slopes.resample,
    slopes.norm,
    slopes.operator,
    slopes.scope,
    slopes.split,
    slopes.question_id,
    slopes.option_order,
    slopes.label_confidence,
    slopes.copies,
    slopes.intercept,
    slopes.n_multipliers,
    slopes.multiplier_bound,
    slopes.slope_floor,
    slopes.run_id
from item_slope_within($multiplier_bound) as slopes
inner join asked using (run_id)
left join missing on missing.run_id = slopes.run_id and missing.layer = slopes.layer
where slopes.split = $split and is_layer(slopes.layer, $layer, asked.chosen_layer)
order by
    slopes.model, slopes.concept, slopes.method, slopes.fit_variant, slopes.variant, slopes.layer,
    slopes.run_id, slopes.item_id
