-- question: Which items does steering push the wrong way, and what do they say?
-- grain: run, layer, item
-- source: Tan et al. 2024 (arXiv 2407.12404), section 4: anti-steerable examples; here a slope at or
--   below -slope_floor, at the layer that the validation split chose
-- params:
--   filters
--   split             train|validation|test  test    split that is reported
--   role              fitted|null|resample   fitted  vectors: fitted, resample or null
--   layer             layer                  best    one layer, or `best` = the one that validation chose; null = all
--   multiplier_bound  positive               1.5     slopes are fitted over abs(multiplier) up to this
--   most              count                  20      at most so many items of each run and layer, the worst first
-- columns:
--   concept              concept that the question asks about
--   layer                decoder block whose output is steered
--   slope                logits per multiplier
--   baseline_logit_diff  unsteered logit difference
--   question             the question
--   positive_text        the option that shows the concept
--   negative_text        the option that does not
--   positive_option      0 or 1: which option shows the concept
--   other_order_slope    mean slope of the question's other items, null where there are none
--   complete             false where an asked measurement of the run and layer is missing
-- further columns:
--   model                model
--   variant              prompt variant it is asked under
--   method               how the vector was fitted
--   fit_concept          concept the vector was fitted on
--   fit_variant          variant it was fitted on
--   scope                where it was applied
--   split                split that is reported
--   rank                 1 = most anti-steerable of its run and layer
--   n_anti_steerable     anti-steerable items of this run and layer
--   n_items              items with a slope of this run and layer
--   options              both options as displayed
--   symbols              their symbols
--   label_confidence     how sure the source is of its label
--   r2                   share of the item's curve that the line explains
--   n_multipliers        multipliers behind the slope
--   multiplier_bound     slopes are fitted over abs(multiplier) up to this
--   item_id              the item
--   question_id          the question, in whatever order its options stand
--   run_id               the run

with
asked as (
    from asked_cards($experiment, $model, $concept, $method, $role, $layer)
),

slopes as (
    select slopes.*
    from item_slope_within($multiplier_bound) as slopes
    inner join asked using (run_id)
    where slopes.split = $split and is_layer(slopes.layer, $layer, asked.chosen_layer)
),

placed as (
    select
        *,
        count(*) over run_layer as n_items,
        count(*) filter (where anti_steerable) over run_layer as n_anti_steerable,
        row_number() over (partition by run_id, layer order by slope, item_id) as rank,
        (sum(slope) over same_question - slope)
        / nullif(count(*) over same_question - 1, 0) as other_order_slope
    from slopes
    window
        run_layer as (partition by run_id, layer),
        same_question as (partition by run_id, layer, question_id)
),

missing as (
    from missing_of($experiment, $model, $concept, $method)
    where split = $split
)

select
    placed.concept,
    placed.layer,
    placed.slope,
    placed.baseline_logit_diff,
    item.question,
    item.options[1 + item.positive_option] as positive_text,
    item.options[2 - item.positive_option] as negative_text,
    item.positive_option,
    placed.other_order_slope,
    coalesce(missing.n_missing, 0) = 0 as complete,
    placed.model,
    placed.variant,
    placed.method,
    placed.fit_concept,
    placed.fit_variant,
    placed.scope,
    placed.split,
    placed.rank,
    placed.n_anti_steerable,
    placed.n_items,
    item.options,
    item.symbols,
    placed.label_confidence,
    placed.r2,
    placed.n_multipliers,
    placed.multiplier_bound,
    placed.item_id,
    placed.question_id,
    placed.run_id
from placed
inner join item using (item_id)
left join missing using (run_id, layer)
where placed.anti_steerable and placed.rank <= $most
order by
    placed.model, placed.concept, placed.method, placed.fit_variant, placed.variant, placed.layer,
    placed.run_id, placed.rank
