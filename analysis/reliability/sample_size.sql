-- question: How many questions, resamples and nulls would make the answer as precise as wanted?
-- grain: run, layer
-- source: intervals as in steerability, solved for the number of questions; the sampling
--   error of a standard deviation by Bonett 2006 (Computational Statistics & Data Analysis 50,
--   775-782), which allows for long tails
-- params:
--   filters
--   split                train|validation|test  test    split that is reported
--   layer                layer                  null    one layer, or `best` = the one that validation chose; null = all
--   multiplier_bound     positive               1.5     slopes are fitted over abs(multiplier) up to this
--   half_width           positive               0.1     wanted half width of the interval of steerability, logits per multiplier
--   fraction_half_width  fraction               0.05    wanted half width of the interval of the anti-steerable fraction
--   family               count                  1       verdicts that nulls must hold for at once
--   confidence           fraction               0.95    level of the intervals
-- columns:
--   model                      model
--   concept                    concept that the questions ask about
--   variant                    prompt variant they are asked under
--   method                     how the vector was fitted
--   layer                      decoder block whose output is steered
--   n_questions                questions there are
--   steerability               mean slope over items
--   steerability_half_width    half width of its interval now
--   questions_for_steerability  questions for the wanted half_width; more cannot be told beyond 2,000,000
--   anti_steerable_fraction    share of items with slope <= -slope_floor
--   anti_steerable_half_width  half width of its interval now
--   questions_for_fraction     questions for the wanted fraction_half_width
--   resamples_needed           resamples from which more would make the unconditional interval less than 5 %
--     narrower; null without any
--   nulls_needed               null vectors for which p by the t prediction would pass (1 - confidence) / family
--     if their mean and spread stay, the larger of the kinds; null without any, and where 1,000 would
--     not do
--   nulls                      null vectors measured on the same items, `no null` where there are none
--   complete                   false where an asked measurement is missing
-- further columns:
--   rank_nulls_needed          null vectors for which the rank p could pass at all
--   questions_low              lower end of the interval of questions_for_steerability, which is as uncertain
--     as the spread of slopes is
--   questions_high             upper end
--   questions_for_fraction_high  questions for the fraction in its interval that lies nearest one half
--   sd_question                spread of slopes between questions: standard error times sqrt(n_questions)
--   effective_per_question     items that a question's items are worth for the fraction
--   fit_concept                concept the vector was fitted on
--   fit_variant                variant it was fitted on
--   seed                       seed of the vector, null where none is used
--   norm                       how the vector was scaled
--   operator                   how it was applied
--   scope                      where it was applied
--   split                      split that is reported
--   n_items                    items with a slope
--   n_resamples                resamples measured on the same items
--   n_multipliers              multipliers behind a slope (the fewest over items)
--   multiplier_bound           slopes are fitted over abs(multiplier) up to this
--   run_id                     the run

with
asked as (
    from asked_cards($experiment, $model, $concept, $method, 'fitted', $layer)
),

companion as (
    select asked.run_id as asked_run_id, asked.chosen_layer, companion_run.*
    from asked
    inner join companion_run using (run_id)
),

wanted as (
    select run_id, chosen_layer
    from asked
    union
    select companion_run_id, chosen_layer
    from companion
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
        min(n_multipliers) as n_multipliers
    from slopes
    group by run_id, layer, question_id
),

means as (
    select
        run_id,
        layer,
        count(*) as n_questions,
        sum(n)::bigint as n_items,
        min(n_multipliers) as n_multipliers,
        sum(slope) / sum(n) as steerability,
        sum(anti_steerable) / sum(n) as anti_steerable_fraction,
        cluster_standard_error(slope, n) as standard_error,
        effective_number(anti_steerable, n) / count(*) as effective_per_question
    from questions
    group by run_id, layer
),

tails as (
    select
        questions.run_id,
        questions.layer,
        count(*) * sum(pow(questions.slope - means.steerability * questions.n, 4))
        / nullif(pow(sum(pow(questions.slope - means.steerability * questions.n, 2)), 2), 0)
            as kurtosis
    from questions
    inner join means using (run_id, layer)
    group by questions.run_id, questions.layer
),

t_factors as (
    select n_questions, t_factor($confidence, n_questions) as t_factor
    from (select distinct n_questions from means)
),

beside as (
    select
        companion.run_id,
        companion.role,
        means.layer,
        companion.kind,
        count(*) as n,
        avg(means.steerability) as mean,
        stddev_samp(means.steerability) as sd
    from companion
    inner join means on means.run_id = companion.companion_run_id
    -- one measured on fewer items or multipliers is no yardstick
    inner join means as fitted using (layer, n_items, n_multipliers)
    where fitted.run_id = companion.run_id
    group by companion.run_id, companion.role, means.layer, companion.kind
),

null_counts as (
    select
        beside.*,
        list_filter(
            [2, 3, 4, 5, 6, 8, 10, 12, 15, 20, 30, 50, 100, 200, 500, 1000],
            lambda k: student_t_two_sided(
                (means.steerability - beside.mean) / (beside.sd * sqrt(1 + 1 / k)), least(k - 1, 99)
            ) <= (1 - $confidence) / $family
        ) as enough
    from beside
    inner join means using (run_id, layer)
    where beside.role = 'null' and beside.sd > 0
),

nulls as (
    select
        run_id,
        layer,
        string_agg(n || ' ' || kind, ', ' order by kind desc) as nulls,
        if(bool_and(len(enough) > 0), max(enough[1]), null) as nulls_needed
    from null_counts
    group by run_id, layer
),

precision as (
    select
        means.*,
        normal_quantile(0.5 + $confidence / 2) as z,
        standard_error * sqrt(n_questions) as sd_question,
        tails.kurtosis,
        beside.n as n_resamples,
        beside.sd as resample_sd
    from means
    inner join tails using (run_id, layer)
    left join beside
        on
            beside.run_id = means.run_id
            and beside.layer = means.layer
            and beside.role = 'resample'
    where means.run_id in (select run_id from asked)
),

spread as (
    select
        *,
        -- Bonett's interval of log sd: (n / (n - z)) s^2 exp(-+ z se)
        if(
            n_questions > 3,
            ln(n_questions / (n_questions - least(z, n_questions / 2))) / 2,
            null
        ) as log_centre,
        if(
            n_questions > 3,
            n_questions / (n_questions - least(z, n_questions / 2)) / 2 * sqrt(greatest(
                0, (kurtosis - (n_questions - 3) / n_questions) / (n_questions - 1)
            )),
            null
        ) as log_error,
        -- Satterthwaite's degrees of freedom with resamples without end
        pow(pow(standard_error, 2) + pow(resample_sd, 2), 2)
        / nullif(pow(standard_error, 4) / (n_questions - 1), 0) as most_df
    from precision
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
    spread.layer,
    spread.n_questions,
    spread.steerability,
    t_factor * spread.standard_error as steerability_half_width,
    questions_for_mean(sd_question, $half_width, z) as questions_for_steerability,
    spread.anti_steerable_fraction,
    (
        fraction_high(anti_steerable_fraction, effective_per_question * n_questions, t_factor)
        - fraction_low(anti_steerable_fraction, effective_per_question * n_questions, t_factor)
    ) / 2 as anti_steerable_half_width,
    questions_for_fraction(
        anti_steerable_fraction, effective_per_question, $fraction_half_width, z
    ) as questions_for_fraction,
    list_filter(
        [3, 4, 5, 6, 8, 10, 12, 15, 20, 25, 30, 40, 50, 75, 100, 150, 200, 500, 1000],
        lambda k: t_near(
            z,
            1 / (1 / most_df + pow(resample_sd, 4) / (k - 1)
            / pow(pow(standard_error, 2) + pow(resample_sd, 2), 2))
        ) <= t_near(z, most_df) / 0.95
    )[1] as resamples_needed,
    nulls.nulls_needed,
    coalesce(nulls.nulls, 'no null') as nulls,
    coalesce(missing.n_missing, 0) = 0 as complete,
    ceil($family / (1 - $confidence) - 1e-9)::bigint - 1 as rank_nulls_needed,
    questions_for_mean(sd_question * exp(log_centre - z * log_error), $half_width, z)
        as questions_low,
    questions_for_mean(sd_question * exp(log_centre + z * log_error), $half_width, z)
        as questions_high,
    questions_for_fraction(
        greatest(
            least(
                0.5,
                fraction_high(
                    anti_steerable_fraction, effective_per_question * n_questions, t_factor
                )
            ),
            fraction_low(anti_steerable_fraction, effective_per_question * n_questions, t_factor)
        ),
        effective_per_question,
        $fraction_half_width,
        z
    ) as questions_for_fraction_high,
    spread.sd_question,
    spread.effective_per_question,
    asked.fit_concept,
    asked.fit_variant,
    asked.seed,
    asked.norm,
    asked.operator,
    asked.scope,
    $split as split,
    spread.n_items,
    coalesce(spread.n_resamples, 0) as n_resamples,
    spread.n_multipliers,
    $multiplier_bound::double as multiplier_bound,
    asked.run_id
from asked
inner join spread using (run_id)
inner join t_factors using (n_questions)
left join nulls using (run_id, layer)
left join missing using (run_id, layer)
order by
    asked.model, asked.concept, asked.method, asked.fit_variant, asked.variant, spread.layer,
    asked.scope, asked.seed, asked.run_id
