-- question: How far does each vector move the answers, how sure is that, and how many items move the wrong way or not at all?
-- grain: run, layer
-- source: Tan et al. 2024 (arXiv 2407.12404), section 3: slope of a straight line through an
--   item's propensity curve, with intervals, nulls and q values (macros in
--   warehouse/macros/intervals.sql name the papers)
-- params:
--   filters
--   split             train|validation|test  test    split that is reported
--   role              fitted|null|resample   fitted  vectors: fitted, resample or null
--   layer             layer                  null    one layer, or `best` = the one that validation chose; null = all
--   multiplier_bound  positive               1.5     slopes are fitted over abs(multiplier) up to this
--   confidence        fraction               0.95    level of the intervals
-- columns:
--   model                        model
--   concept                      concept that the questions ask about
--   variant                      prompt variant they are asked under
--   method                       how the vector was fitted
--   layer                        decoder block whose output is steered
--   steerability                 mean slope over items, logits per multiplier
--   steerability_low             lower end of its cluster-t interval by question
--   steerability_high            upper end
--   anti_steerable_fraction      share of items with slope <= -slope_floor
--   anti_steerable_low           lower end of its interval on effective_items (Wilson, made wider: fraction_low)
--   anti_steerable_high          upper end
--   unmoved_fraction             share of items with abs(slope) < slope_floor
--   nulls                        null vectors measured on the same items, `no null` where there are none
--   random_q                     Benjamini-Hochberg q of random_p over this table
--   label_shuffled_q             Benjamini-Hochberg q of label_shuffled_p over this table
--   complete                     false where an asked measurement is missing
-- further columns:
--   fit_concept                  concept the vector was fitted on
--   fit_variant                  variant it was fitted on
--   seed                         seed of the vector, null where none is used
--   resample                     bootstrap draw of the training questions, null for the full fit
--   norm                         how the vector was scaled
--   operator                     how it was applied
--   scope                        where it was applied
--   split                        split that is reported
--   degenerate                   vector shorter than 1e-4 of the residual norm
--   n_items                      items with a slope
--   n_questions                  questions they belong to
--   n_multipliers                multipliers behind a slope (the fewest over items)
--   multiplier_bound             slopes are fitted over abs(multiplier) up to this
--   slope_floor                  smallest slope that can be told from nothing
--   standard_error               standard error of steerability, CR1 by question
--   n_resamples                  vectors of bootstrap draws of the training questions that were measured beside it
--   resample_sd                  standard deviation of their steerability: what other training questions would change
--   unconditional_low            lower end of the interval for another draw of training and test questions: both
--     variances added, t with Satterthwaite's degrees of freedom; null without resamples
--   unconditional_high           upper end
--   sd_slope                     standard deviation of slopes over items
--   median_slope                 median slope
--   anti_steerable_fraction_tan  1 - mean(slope > 0), Tan et al.'s figure
--   effective_items              items that anti_steerable_fraction is worth, after the design effect
--   unmoved_low                  lower end of the interval of unmoved_fraction
--   unmoved_high                 upper end
--   r2                           mean share of an item's curve that its line explains
--   random_n                     random null vectors measured
--   random_mean                  their mean steerability
--   random_sd                    its standard deviation over them
--   random_t                     (steerability - mean) / (sd * sqrt(1 + 1 / n)), n - 1 degrees of freedom
--   random_p                     two-sided p of random_t
--   random_rank_p                (1 + nulls with abs(steerability) as large) / (n + 1)
--   label_shuffled_n             as for random, labels shuffled by question
--   label_shuffled_mean          as for random
--   label_shuffled_sd            as for random
--   label_shuffled_t             as for random
--   label_shuffled_p             as for random
--   label_shuffled_rank_p        as for random
--   run_id                       the run

with
asked as (
    from asked_cards($experiment, $model, $concept, $method, $role, $layer)
),

wanted as (
    select run_id, chosen_layer
    from asked
    union
    select companion_run.companion_run_id as run_id, asked.chosen_layer
    from asked
    inner join companion_run using (run_id)
),

slopes as (
    select slopes.*
    from item_slope_within($multiplier_bound) as slopes
    inner join wanted using (run_id)
    where slopes.split = $split and is_layer(slopes.layer, $layer, wanted.chosen_layer)
),

questions as (
    select
        run_id,
        layer,
        question_id,
        count(*) as n,
        sum(slope) as slope,
        sum(anti_steerable::integer) as anti_steerable,
        sum(unmoved::integer) as unmoved
    from slopes
    group by run_id, layer, question_id
),

over_questions as (
    select
        run_id,
        layer,
        count(*) as n_questions,
        cluster_standard_error(slope, n) as standard_error,
        effective_number(anti_steerable, n) as effective_items,
        effective_number(unmoved, n) as effective_unmoved
    from questions
    group by run_id, layer
),

t_factors as (
    select n_questions, t_factor($confidence, n_questions) as t_factor
    from (select distinct n_questions from over_questions)
),

over_items as (
    select
        run_id,
        layer,
        count(*) as n_items,
        min(n_multipliers) as n_multipliers,
        any_value(multiplier_bound) as multiplier_bound,
        any_value(slope_floor) as slope_floor,
        avg(slope) as steerability,
        stddev_samp(slope) as sd_slope,
        median(slope) as median_slope,
        avg(anti_steerable::integer) as anti_steerable_fraction,
        avg(unmoved::integer) as unmoved_fraction,
        1 - avg((slope > 0)::integer) as anti_steerable_fraction_tan,
        avg(r2) as r2
    from slopes
    group by run_id, layer
),

beside as materialized (
    from beside_runs((
        select list({
            'run_id': run_id,
            'layer': layer,
            'n_items': n_items,
            'n_multipliers': n_multipliers,
            'mean': steerability
        })
        from over_items
    ))
),

unconditional as (
    select
        run_id,
        layer,
        sqrt(pow(standard_error, 2) + pow(resample_sd, 2)) as unconditional_error,
        joint_degrees(pow(standard_error, 2), n_questions, pow(resample_sd, 2), n_resamples) as df
    from beside
    inner join over_questions using (run_id, layer)
    where n_resamples is not null
),

joint_t as (
    select df, t_factor($confidence, df + 1) as joint_t_factor
    from (select distinct df from unconditional)
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
    over_items.steerability,
    over_items.steerability - t_factor * standard_error as steerability_low,
    over_items.steerability + t_factor * standard_error as steerability_high,
    over_items.anti_steerable_fraction,
    fraction_low(anti_steerable_fraction, effective_items, t_factor) as anti_steerable_low,
    fraction_high(anti_steerable_fraction, effective_items, t_factor) as anti_steerable_high,
    over_items.unmoved_fraction,
    coalesce(beside.nulls, 'no null') as nulls,
    beside.random_q,
    beside.label_shuffled_q,
    coalesce(missing.n_missing, 0) = 0 as complete,
    asked.fit_concept,
    asked.fit_variant,
    asked.seed,
    asked.resample,
    asked.norm,
    asked.operator,
    asked.scope,
    $split as split,
    vector_layer.degenerate,
    over_items.n_items,
    over_questions.n_questions,
    over_items.n_multipliers,
    over_items.multiplier_bound,
    over_items.slope_floor,
    over_questions.standard_error,
    beside.n_resamples,
    beside.resample_sd,
    over_items.steerability - joint_t_factor * unconditional_error as unconditional_low,
    over_items.steerability + joint_t_factor * unconditional_error as unconditional_high,
    over_items.sd_slope,
    over_items.median_slope,
    over_items.anti_steerable_fraction_tan,
    over_questions.effective_items,
    fraction_low(unmoved_fraction, effective_unmoved, t_factor) as unmoved_low,
    fraction_high(unmoved_fraction, effective_unmoved, t_factor) as unmoved_high,
    over_items.r2,
    beside.random_n,
    beside.random_mean,
    beside.random_sd,
    beside.random_t,
    beside.random_p,
    beside.random_rank_p,
    beside.label_shuffled_n,
    beside.label_shuffled_mean,
    beside.label_shuffled_sd,
    beside.label_shuffled_t,
    beside.label_shuffled_p,
    beside.label_shuffled_rank_p,
    asked.run_id
from asked
inner join over_items using (run_id)
inner join over_questions using (run_id, layer)
inner join t_factors using (n_questions)
left join beside using (run_id, layer)
left join unconditional using (run_id, layer)
left join joint_t using (df)
left join missing using (run_id, layer)
left join vector_layer
    on vector_layer.vector_id = asked.vector_id and vector_layer.layer = over_items.layer
order by
    asked.model, asked.concept, asked.method, asked.fit_variant, asked.variant, over_items.layer,
    asked.scope, asked.seed, asked.resample, asked.run_id
