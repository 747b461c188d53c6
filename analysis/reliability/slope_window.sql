-- question: Does the range of multipliers decide the answer?
-- grain: run, layer
-- source: Tan et al. 2024 (arXiv 2407.12404), appendix on multiplier ranges (0.5, 1, 1.5); the share by
--   letter beside it because the range changes it most
-- params:
--   filters
--   split       train|validation|test  test    split that is reported
--   role        fitted|null|resample   fitted  vectors: fitted, resample or null
--   layer       layer                  null    one layer, or `best` = the one that validation chose; null = all
--   confidence  fraction               0.95    level of the intervals
-- columns:
--   model                             model
--   concept                           concept that the questions ask about
--   variant                           prompt variant they are asked under
--   method                            how the vector was fitted
--   layer                             decoder block whose output is steered
--   steerability_0_5                  mean slope over abs(multiplier) <= 0.5, null below 3 multipliers
--   steerability_1                    the same up to 1
--   steerability_1_5                  the same up to 1.5
--   steerability_all                  the same over all multipliers
--   anti_steerable_fraction_0_5       share of items with slope <= -slope_floor, up to 0.5
--   anti_steerable_fraction_1         the same up to 1
--   anti_steerable_fraction_1_5       the same up to 1.5
--   anti_steerable_fraction_all       the same over all multipliers
--   complete                          false where an asked measurement is missing
-- further columns:
--   steerability_0_5_low              lower end of its cluster-t interval by question, up to 0.5
--   steerability_0_5_high             upper end
--   steerability_1_low                lower end of its cluster-t interval by question, up to 1
--   steerability_1_high               upper end
--   steerability_1_5_low              lower end of its cluster-t interval by question, up to 1.5
--   steerability_1_5_high             upper end
--   steerability_all_low              lower end of its cluster-t interval by question, over all multipliers
--   steerability_all_high             upper end
--   anti_steerable_fraction_0_5_low   lower end of its interval (fraction_low), up to 0.5
--   anti_steerable_fraction_0_5_high  upper end
--   anti_steerable_fraction_1_low     lower end of its interval (fraction_low), up to 1
--   anti_steerable_fraction_1_high    upper end
--   anti_steerable_fraction_1_5_low   lower end of its interval (fraction_low), up to 1.5
--   anti_steerable_fraction_1_5_high  upper end
--   anti_steerable_fraction_all_low   lower end of its interval (fraction_low), over all multipliers
--   anti_steerable_fraction_all_high  upper end
--   letter_share_0_5                  share of slope variance by positive_option alone, up to 0.5; null
--     for answers without letters, where slopes do not differ and where one side has a single question;
--     `bias_shares --param multiplier_bound=0.5` gives its interval
--   letter_share_1                    the same up to 1
--   letter_share_1_5                  the same up to 1.5
--   letter_share_all                  the same over all multipliers
--   r2_0_5                            mean share of an item's curve that its line explains, up to 0.5
--   r2_1                              the same up to 1
--   r2_1_5                            the same up to 1.5
--   r2_all                            the same over all multipliers
--   n_multipliers_0_5                 multipliers behind a slope up to 0.5 (the fewest over items)
--   n_multipliers_1                   the same up to 1
--   n_multipliers_1_5                 the same up to 1.5
--   n_multipliers_all                 the same over all multipliers
--   fit_concept                       concept the vector was fitted on
--   fit_variant                       variant it was fitted on
--   seed                              seed of the vector, null where none is used
--   norm                              how the vector was scaled
--   operator                          how it was applied
--   scope                             where it was applied
--   split                             split that is reported
--   n_items                           items with a slope, in the widest range
--   n_questions                       questions they belong to
--   run_id                            the run

with
asked as (
    from asked_cards($experiment, $model, $concept, $method, $role, $layer)
),

slopes as (
    from item_slope_within(0.5)
    union all
    from item_slope_within(1)
    union all
    from item_slope_within(1.5)
    union all
    from item_slope_within('inf'::double)
),

wanted as (
    select slopes.*, dataset.answer_format = 'letter' as has_letters
    from slopes
    inner join asked using (run_id)
    inner join dataset on dataset.dataset_id = asked.dataset_id
    where slopes.split = $split and is_layer(slopes.layer, $layer, asked.chosen_layer)
),

questions as (
    select
        run_id,
        layer,
        multiplier_bound,
        question_id,
        count(*) as n,
        sum(slope) as slope,
        sum(anti_steerable::integer) as anti_steerable
    from wanted
    group by run_id, layer, multiplier_bound, question_id
),

over_questions as (
    select
        run_id,
        layer,
        multiplier_bound,
        count(*) as n_questions,
        cluster_standard_error(slope, n) as standard_error,
        effective_number(anti_steerable, n) as effective_items
    from questions
    group by run_id, layer, multiplier_bound
),

t_factors as (
    select n_questions, t_factor($confidence, n_questions) as t_factor
    from (select distinct n_questions from over_questions)
),

over_items as (
    select
        run_id,
        layer,
        multiplier_bound,
        count(*) as n_items,
        min(n_multipliers) as n_multipliers,
        avg(slope) as steerability,
        avg(anti_steerable::integer) as anti_steerable_fraction,
        avg(r2) as r2,
        if(
            any_value(has_letters),
            variance_share(slope, positive_option, question_id, slope_floor),
            null
        ) as letter_share
    from wanted
    group by run_id, layer, multiplier_bound
),

windows as (
    select
        *,
        steerability - t_factor * standard_error as low,
        steerability + t_factor * standard_error as high,
        fraction_low(anti_steerable_fraction, effective_items, t_factor) as anti_low,
        fraction_high(anti_steerable_fraction, effective_items, t_factor) as anti_high
    from over_items
    inner join over_questions using (run_id, layer, multiplier_bound)
    inner join t_factors using (n_questions)
),

side_by_side as (
    select
        run_id,
        layer,
        max(n_items) as n_items,
        max(n_questions) as n_questions,
        any_value(windows) filter (where multiplier_bound = 0.5) as w_0_5,
        any_value(windows) filter (where multiplier_bound = 1) as w_1,
        any_value(windows) filter (where multiplier_bound = 1.5) as w_1_5,
        any_value(windows) filter (where isinf(multiplier_bound)) as w_all
    from windows
    group by run_id, layer
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
    side_by_side.layer,
    w_0_5.steerability as steerability_0_5,
    w_1.steerability as steerability_1,
    w_1_5.steerability as steerability_1_5,
    w_all.steerability as steerability_all,
    w_0_5.anti_steerable_fraction as anti_steerable_fraction_0_5,
    w_1.anti_steerable_fraction as anti_steerable_fraction_1,
    w_1_5.anti_steerable_fraction as anti_steerable_fraction_1_5,
    w_all.anti_steerable_fraction as anti_steerable_fraction_all,
    coalesce(missing.n_missing, 0) = 0 as complete,
    w_0_5.low as steerability_0_5_low,
    w_0_5.high as steerability_0_5_high,
    w_1.low as steerability_1_low,
    w_1.high as steerability_1_high,
    w_1_5.low as steerability_1_5_low,
    w_1_5.high as steerability_1_5_high,
    w_all.low as steerability_all_low,
    w_all.high as steerability_all_high,
    w_0_5.anti_low as anti_steerable_fraction_0_5_low,
    w_0_5.anti_high as anti_steerable_fraction_0_5_high,
    w_1.anti_low as anti_steerable_fraction_1_low,
    w_1.anti_high as anti_steerable_fraction_1_high,
    w_1_5.anti_low as anti_steerable_fraction_1_5_low,
    w_1_5.anti_high as anti_steerable_fraction_1_5_high,
    w_all.anti_low as anti_steerable_fraction_all_low,
    w_all.anti_high as anti_steerable_fraction_all_high,
    w_0_5.letter_share as letter_share_0_5,
    w_1.letter_share as letter_share_1,
    w_1_5.letter_share as letter_share_1_5,
    w_all.letter_share as letter_share_all,
    w_0_5.r2 as r2_0_5,
    w_1.r2 as r2_1,
    w_1_5.r2 as r2_1_5,
    w_all.r2 as r2_all,
    w_0_5.n_multipliers as n_multipliers_0_5,
    w_1.n_multipliers as n_multipliers_1,
    w_1_5.n_multipliers as n_multipliers_1_5,
    w_all.n_multipliers as n_multipliers_all,
    asked.fit_concept,
    asked.fit_variant,
    asked.seed,
    asked.norm,
    asked.operator,
    asked.scope,
    $split as split,
    side_by_side.n_items,
    side_by_side.n_questions,
    asked.run_id
from asked
inner join side_by_side using (run_id)
left join missing using (run_id, layer)
order by
    asked.model, asked.concept, asked.method, asked.fit_variant, asked.variant, side_by_side.layer,
    asked.scope, asked.seed, asked.run_id
