-- question: Where questions ran in both orders: does steering move the concept, or only the letter?
-- grain: run, layer
-- source: this project (the exact within-question split, view paired_bias); the shares of variance that belong to
--   it, with null and interval, are kind paired of bias_shares; intervals by question as named in
--   warehouse/macros/intervals.sql
-- params:
--   filters
--   split             train|validation|test  test    split that is reported
--   role              fitted|null|resample   fitted  vectors: fitted, resample or null
--   layer             layer                  null    one layer, or `best` = the one that validation chose; null = all
--   multiplier_bound  positive               1.5     slopes are fitted over abs(multiplier) up to this
--   confidence        fraction               0.95    level of the intervals
-- columns:
--   model                model
--   concept              concept that the questions ask about
--   variant              prompt variant they are asked under
--   method               how the vector was fitted
--   layer                decoder block whose output is steered
--   concept_effect       mean over pairs of the mean of both slopes, logits per multiplier
--   concept_low          lower end of its t interval by question; null where undetermined
--   concept_high         upper end
--   letter_effect        mean over pairs of the slope with the positive option first minus second
--   letter_low           lower end of its t interval by question
--   letter_high          upper end
--   letter_led_fraction  share of pairs whose two slopes have opposite signs: steering follows the letter
--   letter_led_low       lower end of its Wilson interval on effective_pairs
--   letter_led_high      upper end
--   undetermined         why there are no effects, null where there are
--   complete             false where an asked measurement is missing
-- further columns:
--   concept_p            two-sided p of concept_effect
--   letter_p             two-sided p of letter_effect
--   letter_q             Benjamini-Hochberg q of letter_p over this table
--   letter_share         share of the pairs' slope variance by a letter effect that is the same for all
--   question_by_letter_share  by a letter effect that differs between questions
--   question_share       by what both orders of a question share
--   effective_pairs      pairs that letter_led_fraction is worth, after the design effect
--   fit_concept          concept the vector was fitted on
--   fit_variant          variant it was fitted on
--   seed                 seed of the vector, null where none is used
--   resample             bootstrap draw of the training questions, null for the full fit
--   norm                 how the vector was scaled
--   operator             how it was applied
--   scope                where it was applied
--   split                split that is reported
--   n_items              items with a slope
--   n_pairs              pairs of items that differ in the order of options only
--   n_questions          questions these pairs belong to
--   n_multipliers        multipliers behind a slope (the fewest over items)
--   multiplier_bound     slopes are fitted over abs(multiplier) up to this
--   run_id               the run

with
asked as (
    from asked_cards($experiment, $model, $concept, $method, $role, $layer)
),

slopes as (
    select slopes.*, item_pair.pair, item_pair.sign
    from item_slope_within($multiplier_bound) as slopes
    inner join asked using (run_id)
    left join item_pair using (item_id)
    where slopes.split = $split and is_layer(slopes.layer, $layer, asked.chosen_layer)
),

over_items as (
    select
        run_id,
        layer,
        count(distinct item_id) as n_items,
        min(n_multipliers) as n_multipliers,
        stddev_samp(slope) >= any_value(slope_floor) as differs
    from slopes
    group by run_id, layer
),

pairs as (
    select
        run_id,
        layer,
        pair,
        any_value(question_id) as question_id,
        count(*) filter (where positive_answer = 'Yes') as n_yes,
        avg(slope) as m,
        sum(sign * slope) as d,
        (min(slope) < 0 and max(slope) > 0 and max(abs(slope)) >= any_value(slope_floor))::integer
            as letter_led
    from slopes
    where pair is not null
    group by run_id, layer, pair
    having count(*) = 2
),

questions as (
    select
        run_id,
        layer,
        question_id,
        count(*) as n,
        sum(n_yes) as n_yes,
        sum(m) as m,
        sum(d) as d,
        sum(letter_led) as letter_led
    from pairs
    group by run_id, layer, question_id
),

over_questions as (
    select
        run_id,
        layer,
        count(*) as n_questions,
        effective_number(letter_led, n) as effective_pairs
    from questions
    group by run_id, layer
),

over_pairs as (
    select
        run_id,
        layer,
        count(*) as n_pairs,
        avg(m) as concept_effect,
        avg(d) as letter_effect,
        avg(letter_led) as letter_led_fraction,
        pow(avg(d), 2) / 4 as letter_part,
        var_pop(d) / 4 as question_by_letter_part,
        var_pop(m) as question_part,
        nullif(letter_part + question_by_letter_part + question_part, 0) as whole
    from pairs
    group by run_id, layer
),

kinds as (
    select
        run_id,
        layer,
        count(*) as n_questions,
        kind_variance((questions.m - n * concept_effect) / n_pairs) as concept,
        kind_variance((questions.d - n * letter_effect) / n_pairs) as letter
    from questions
    inner join over_pairs using (run_id, layer)
    group by run_id, layer, n, n_yes
),

errors as (
    select
        run_id,
        layer,
        sqrt(sum(concept)) as concept_error,
        sqrt(sum(letter)) as letter_error,
        greatest(1, floor(welch_df(concept, n_questions)))::bigint as concept_df,
        greatest(1, floor(welch_df(letter, n_questions)))::bigint as letter_df
    from kinds
    group by run_id, layer
),

t_factors as (
    select df, t_factor($confidence, df + 1) as t_factor
    from (select distinct unnest([concept_df, letter_df]) as df from errors)
),

tested as (
    select
        over_pairs.*,
        over_questions.n_questions,
        over_questions.effective_pairs,
        errors.concept_error,
        errors.letter_error,
        n_questions > 1 as determined,
        concept_t.t_factor as concept_t,
        letter_t.t_factor as letter_t,
        student_t_two_sided(concept_effect / nullif(concept_error, 0), concept_df) as concept_p,
        student_t_two_sided(letter_effect / nullif(letter_error, 0), letter_df) as letter_p
    from over_pairs
    inner join over_questions using (run_id, layer)
    inner join errors using (run_id, layer)
    left join t_factors as concept_t on concept_t.df = errors.concept_df
    left join t_factors as letter_t on letter_t.df = errors.letter_df
),

families as (
    select id.*, q as letter_q
    from q_values((
        select list({
            'id': {'run_id': run_id, 'layer': layer},
            'family': 0,
            'p': letter_p
        })
        from tested
        where determined
    ))
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
    over_items.layer,
    if(determined, concept_effect, null) as concept_effect,
    if(determined, concept_effect - concept_t * concept_error, null) as concept_low,
    if(determined, concept_effect + concept_t * concept_error, null) as concept_high,
    if(determined, letter_effect, null) as letter_effect,
    if(determined, letter_effect - letter_t * letter_error, null) as letter_low,
    if(determined, letter_effect + letter_t * letter_error, null) as letter_high,
    if(determined, letter_led_fraction, null) as letter_led_fraction,
    if(determined, wilson_low(letter_led_fraction, effective_pairs, $confidence), null)
        as letter_led_low,
    if(determined, wilson_high(letter_led_fraction, effective_pairs, $confidence), null)
        as letter_led_high,
    case
        when tested.n_questions is null then 'no question ran in both option orders'
        when not determined then 'one question ran in both option orders'
    end as undetermined,
    coalesce(missing.n_missing, 0) = 0 as complete,
    if(determined, tested.concept_p, null) as concept_p,
    if(determined, tested.letter_p, null) as letter_p,
    families.letter_q,
    if(determined and differs, letter_part / whole, null) as letter_share,
    if(determined and differs, question_by_letter_part / whole, null)
        as question_by_letter_share,
    if(determined and differs, question_part / whole, null) as question_share,
    if(determined, tested.effective_pairs, null) as effective_pairs,
    asked.fit_concept,
    asked.fit_variant,
    asked.seed,
    asked.resample,
    asked.norm,
    asked.operator,
    asked.scope,
    $split as split,
    over_items.n_items,
    coalesce(tested.n_pairs, 0) as n_pairs,
    coalesce(tested.n_questions, 0) as n_questions,
    over_items.n_multipliers,
    $multiplier_bound as multiplier_bound,
    asked.run_id
from asked
inner join over_items using (run_id)
left join tested using (run_id, layer)
left join families using (run_id, layer)
left join missing using (run_id, layer)
order by
    asked.model, asked.concept, asked.method, asked.fit_variant, asked.variant, over_items.layer,
    asked.scope, asked.seed, asked.resample, asked.run_id
