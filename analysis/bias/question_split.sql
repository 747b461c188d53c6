-- question: Of which questions does steering move the letter, and of which the concept?
-- grain: run, layer, question that ran in both orders of its options (once per set of symbols)
-- source: this project (the exact within-question split); with both orders a letter's part of a question's
--   slope is known exactly, not estimated (view item_pair)
-- params:
--   filters
--   split             train|validation|test  test    split that is reported
--   role              fitted|null|resample   fitted  vectors: fitted, resample or null
--   layer             layer                  best    one layer, or `best` = the one that validation chose; null = all
--   multiplier_bound  positive               1.5     slopes are fitted over abs(multiplier) up to this
--   led_by            either|concept|letter  either  only questions that are led by this
-- columns:
--   model             model
--   concept           concept that the questions ask about
--   variant           prompt variant they are asked under
--   method            how the vector was fitted
--   layer             decoder block whose output is steered
--   question          the question, its first 80 characters
--   slope_first       slope where the positive option stands first
--   slope_second      slope where it stands second
--   concept_effect    their mean: what steering does whatever the letter
--   letter_effect     their difference: what steering adds where the positive option is the first
--   led_by            letter where the two slopes have opposite signs, so that steering follows the place;
--     concept where they agree; null where both are below slope_floor
--   complete          false where an asked measurement is missing
-- further columns:
--   fit_concept       concept the vector was fitted on
--   fit_variant       variant it was fitted on
--   seed              seed of the vector, null where none is used
--   resample          bootstrap draw of the training questions, null for the full fit
--   norm              how the vector was scaled
--   operator          how it was applied
--   scope             where it was applied
--   split             split that is reported
--   n_multipliers     multipliers behind a slope (the fewest of the two)
--   multiplier_bound  slopes are fitted over abs(multiplier) up to this
--   question_id       the question
--   pair              item whose positive option stands first
--   run_id            the run

with
asked as (
    from asked_cards($experiment, $model, $concept, $method, $role, $layer)
),

pairs as (
    select
        slopes.run_id,
        slopes.layer,
        item_pair.pair,
        any_value(slopes.question_id) as question_id,
        min(slopes.n_multipliers) as n_multipliers,
        any_value(slopes.slope_floor) as slope_floor,
        max(slopes.slope) filter (where item_pair.sign = 1) as slope_first,
        max(slopes.slope) filter (where item_pair.sign = -1) as slope_second
    from item_slope_within($multiplier_bound) as slopes
    inner join asked using (run_id)
    inner join item_pair using (item_id)
    where slopes.split = $split and is_layer(slopes.layer, $layer, asked.chosen_layer)
    group by slopes.run_id, slopes.layer, item_pair.pair
    having count(*) = 2
),

led as (
    select
        *,
        case
            when greatest(abs(slope_first), abs(slope_second)) < slope_floor then null
            when slope_first * slope_second < 0 then 'letter'
            else 'concept'
        end as led_by
    from pairs
),

missing as (
    from missing_of($experiment, $model, $concept, $method)
    where split = $split
)

select
    asked.model,
    asked.concept,
    asked.variant,
    asked.method,
    led.layer,
    left(item.question, 80) as question,
    led.slope_first,
    led.slope_second,
    (led.slope_first + led.slope_second) / 2 as concept_effect,
    led.slope_first - led.slope_second as letter_effect,
    led.led_by,
    coalesce(missing.n_missing, 0) = 0 as complete,
    asked.fit_concept,
    asked.fit_variant,
    asked.seed,
    asked.resample,
    asked.norm,
    asked.operator,
    asked.scope,
    $split as split,
    led.n_multipliers,
    $multiplier_bound as multiplier_bound,
    led.question_id,
    led.pair,
    asked.run_id
from asked
inner join led using (run_id)
inner join item on item.item_id = led.pair
left join missing using (run_id, layer)
where $led_by = 'either' or led.led_by = $led_by
order by
    asked.model, asked.concept, asked.method, asked.fit_variant, asked.variant, led.layer,
    asked.scope, asked.seed, asked.resample, asked.run_id, letter_effect desc, led.pair
