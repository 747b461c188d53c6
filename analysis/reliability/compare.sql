-- question: Which of two vectors steers more, and which moves fewer items the wrong way?
-- grain: two runs on the same items, a and b, and the layer of each
-- source: this project: paired by question, because both steer the same prompts. Mean difference with
--   cluster t by question; difference of anti-steerable fractions by squares and add (Newcombe 1998,
--   macro difference_low) with the correlation of the two over questions; Holm 1979 (Scandinavian
--   Journal of Statistics 6, 65-70) over the rows shown. The two-sided null is that the mean
--   difference is 0
-- params:
--   filters
--   a                 varchar                null  glob of a method, fit variant, vector_id or run_id: the first of each pair
--   b                 varchar                null  the same for the second; null for both = every pair fitted on the
--     same questions and asked the same prompts
--   split             train|validation|test  test  split that is reported
--   layer             layer                  null  one layer, `best` = each vector at the layer that validation chose for
--     it; null = all, equal layers
--   multiplier_bound  positive               1.5   slopes are fitted over abs(multiplier) up to this
--   confidence        fraction               0.95  level of the intervals
-- columns:
--   model                      model
--   concept                    concept that the questions ask about
--   variant                    prompt variant they are asked under
--   method_a                   how a was fitted
--   method_b                   how b was fitted
--   layer_a                    decoder block at which a steers
--   layer_b                    decoder block at which b steers
--   difference                 mean slope under a minus that under b
--   difference_low             lower end of its cluster-t interval by question
--   difference_high            upper end
--   p                          its two-sided p
--   p_holm                     p after Holm's correction over this table
--   anti_steerable_difference  anti-steerable fraction of a minus that of b
--   anti_steerable_low         lower end of its interval
--   anti_steerable_high        upper end
--   complete                   false where an asked measurement of either is missing
-- further columns:
--   unconditional_low          lower end for another draw of training questions as well: the variance of the
--     difference over resamples of equal number, which share their draw, is added; null without
--   unconditional_high         upper end
--   n_resamples                pairs of resamples behind it
--   steerability_a             mean slope under a
--   steerability_b             mean slope under b
--   anti_steerable_fraction_a  share of items that a moves the wrong way
--   anti_steerable_fraction_b  share of items that b moves the wrong way
--   fraction_a_larger          share of questions whose mean slope is larger under a
--   slope_correlation          correlation of the two slopes over items
--   fit_variant_a              variant a was fitted on
--   fit_variant_b              variant b was fitted on
--   seed_a                     seed of a
--   seed_b                     seed of b
--   norm_a                     how a was scaled
--   norm_b                     how b was scaled
--   operator_a                 how a was applied
--   operator_b                 how b was applied
--   scope_a                    where a was applied
--   scope_b                    where b was applied
--   split                      split that is reported
--   n_items                    items with a slope under both
--   n_questions                questions they belong to
--   n_multipliers              multipliers behind a slope (the fewest, both)
--   multiplier_bound           slopes are fitted over abs(multiplier) up to this
--   run_id_a                   run of a
--   run_id_b                   run of b

with
asked as (
    from asked_cards($experiment, $model, $concept, $method, 'fitted', $layer)
),

named as (
    select
        *,
        coalesce(
            method glob $a or fit_variant glob $a or vector_id glob $a or run_id glob $a,
            $a is null
        ) as is_a,
        coalesce(
            method glob $b or fit_variant glob $b or vector_id glob $b or run_id glob $b,
            $b is null
        ) as is_b
    from asked
),

pair as (
    select one.run_id as run_id_a, two.run_id as run_id_b
    from named as one
    inner join named as two
        on two.evaluation_id = one.evaluation_id and two.run_id <> one.run_id
    where
        one.is_a
        and two.is_b
        and (
            -- a pair that could stand either way round stands once
            not (one.is_b and two.is_a)
            or (one.method, one.norm, one.operator, one.scope, coalesce(one.seed, 0), one.run_id)
            < (two.method, two.norm, two.operator, two.scope, coalesce(two.seed, 0), two.run_id)
        )
        and (
            $a is not null
            or $b is not null
            or (
                coalesce(one.fit_dataset_ids = two.fit_dataset_ids, true)
                and coalesce(one.fit_variant_ids = two.fit_variant_ids, true)
                and one.scope = two.scope
            )
        )
),

paired as (
    select run_id_a as run_id from pair
    union
    select run_id_b from pair
),

vectors as (
    select run_id, run_id as parent_run_id, -1 as resample
    from paired
    union all
    select companion_run.companion_run_id, companion_run.run_id, companion_run.resample
    from companion_run
    inner join paired using (run_id)
    where companion_run.role = 'resample'
),

slopes as (
    select
        vectors.parent_run_id,
        vectors.resample,
        slopes.layer,
        slopes.item_id,
        slopes.question_id,
        slopes.slope,
        slopes.anti_steerable::integer as anti,
        slopes.n_multipliers,
        slopes.multiplier_bound
    from item_slope_within($multiplier_bound) as slopes
    inner join vectors using (run_id)
    inner join asked on asked.run_id = vectors.parent_run_id
    where slopes.split = $split and is_layer(slopes.layer, $layer, asked.chosen_layer)
),

items as (
    select
        pair.run_id_a,
        pair.run_id_b,
        one.layer as layer_a,
        two.layer as layer_b,
        one.resample,
        one.question_id,
        one.slope as slope_a,
        two.slope as slope_b,
        one.anti as anti_a,
        two.anti as anti_b,
        least(one.n_multipliers, two.n_multipliers) as n_multipliers,
        one.multiplier_bound
    from pair
    inner join slopes as one on one.parent_run_id = pair.run_id_a
    inner join slopes as two
        on
            two.parent_run_id = pair.run_id_b
            and two.item_id = one.item_id
            and two.resample = one.resample
            and ($layer = 'best' or two.layer = one.layer)
),

questions as (
    select
        run_id_a,
        run_id_b,
        layer_a,
        layer_b,
        resample,
        question_id,
        count(*) as n,
        sum(slope_a) as slope_a,
        sum(slope_b) as slope_b,
        sum(slope_a - slope_b) as difference,
        sum(anti_a) as anti_a,
        sum(anti_b) as anti_b
    from items
    group by run_id_a, run_id_b, layer_a, layer_b, resample, question_id
),

means as (
    select
        run_id_a,
        run_id_b,
        layer_a,
        layer_b,
        resample,
        count(*) as n_questions,
        sum(n)::bigint as n_items,
        sum(slope_a) / sum(n) as steerability_a,
        sum(slope_b) / sum(n) as steerability_b,
        sum(difference) / sum(n) as difference,
        cluster_standard_error(difference, n) as standard_error,
        avg((difference > 0)::integer) as fraction_a_larger,
        sum(anti_a) / sum(n) as p_a,
        sum(anti_b) / sum(n) as p_b,
        effective_number(anti_a, n) as effective_a,
        effective_number(anti_b, n) as effective_b,
        cluster_standard_error(anti_a, n) as anti_error_a,
        cluster_standard_error(anti_b, n) as anti_error_b,
        cluster_standard_error(anti_a - anti_b, n) as anti_error
    from questions
    group by run_id_a, run_id_b, layer_a, layer_b, resample
),

over_items as (
    select
        run_id_a,
        run_id_b,
        layer_a,
        layer_b,
        corr(slope_a, slope_b) as slope_correlation,
        min(n_multipliers) as n_multipliers,
        any_value(multiplier_bound) as multiplier_bound
    from items
    where resample = -1
    group by run_id_a, run_id_b, layer_a, layer_b
),

t_factors as (
    select n_questions, t_factor($confidence, n_questions) as t_factor
    from (select distinct n_questions from means where resample = -1)
),

-- var(a - b) = var(a) + var(b) - 2 corr sd(a) sd(b): the correlation of two fractions by question
bounded as (
    select
        *,
        -- 0 where one of them does not vary
        if(
            anti_error_a * anti_error_b > 0,
            greatest(-1, least(1,
                (pow(anti_error_a, 2) + pow(anti_error_b, 2) - pow(anti_error, 2))
                / (2 * anti_error_a * anti_error_b)
            )),
            0
        ) as anti_correlation,
        fraction_low(p_a, effective_a, t_factor) as low_a,
        fraction_high(p_a, effective_a, t_factor) as high_a,
        fraction_low(p_b, effective_b, t_factor) as low_b,
        fraction_high(p_b, effective_b, t_factor) as high_b,
        student_t_two_sided(difference / nullif(standard_error, 0), n_questions - 1) as p
    from means
    inner join t_factors using (n_questions)
    where resample = -1
),

holm as (
    select id.*, p_holm
    from holm_values((
        select list({
            'id': {
                'run_id_a': run_id_a, 'run_id_b': run_id_b, 'layer_a': layer_a, 'layer_b': layer_b
            },
            'family': 0,
            'p': p
        })
        from bounded
    ))
),

spread as (
    select
        run_id_a,
        run_id_b,
        layer_a,
        layer_b,
        count(*) as n_resamples,
        var_samp(difference) as vector_variance
    from means
    where resample >= 0
    group by run_id_a, run_id_b, layer_a, layer_b
),

unconditional as (
    select
        spread.*,
        sqrt(pow(standard_error, 2) + vector_variance) as error,
        joint_degrees(pow(standard_error, 2), n_questions, vector_variance, n_resamples) as df
    from spread
    inner join bounded using (run_id_a, run_id_b, layer_a, layer_b)
),

joint_t as (
    select df, t_factor($confidence, df + 1) as joint_t_factor
    from (select distinct df from unconditional)
),

missing as (
    select run_id, layer, sum(n_missing) as n_missing
    from coverage
    where split = $split and run_id in (select run_id from paired)
    group by run_id, layer
)

select
    a.model,
    a.concept,
    a.variant,
    a.method as method_a,
    b.method as method_b,
    bounded.layer_a,
    bounded.layer_b,
    bounded.difference,
    bounded.difference - t_factor * bounded.standard_error as difference_low,
    bounded.difference + t_factor * bounded.standard_error as difference_high,
    bounded.p,
    holm.p_holm,
    bounded.p_a - bounded.p_b as anti_steerable_difference,
    difference_low(p_a, low_a, p_b, high_b, anti_correlation) as anti_steerable_low,
    difference_high(p_a, high_a, p_b, low_b, anti_correlation) as anti_steerable_high,
    coalesce(missing_a.n_missing, 0) + coalesce(missing_b.n_missing, 0) = 0 as complete,
    bounded.difference - joint_t_factor * unconditional.error as unconditional_low,
    bounded.difference + joint_t_factor * unconditional.error as unconditional_high,
    coalesce(unconditional.n_resamples, 0) as n_resamples,
    bounded.steerability_a,
    bounded.steerability_b,
    bounded.p_a as anti_steerable_fraction_a,
    bounded.p_b as anti_steerable_fraction_b,
    bounded.fraction_a_larger,
    over_items.slope_correlation,
    a.fit_variant as fit_variant_a,
    b.fit_variant as fit_variant_b,
    a.seed as seed_a,
    b.seed as seed_b,
    a.norm as norm_a,
    b.norm as norm_b,
    a.operator as operator_a,
    b.operator as operator_b,
    a.scope as scope_a,
    b.scope as scope_b,
    $split as split,
    bounded.n_items,
    bounded.n_questions,
    over_items.n_multipliers,
    over_items.multiplier_bound,
    bounded.run_id_a,
    bounded.run_id_b
from bounded
inner join asked as a on a.run_id = bounded.run_id_a
inner join asked as b on b.run_id = bounded.run_id_b
inner join over_items using (run_id_a, run_id_b, layer_a, layer_b)
left join holm using (run_id_a, run_id_b, layer_a, layer_b)
left join unconditional using (run_id_a, run_id_b, layer_a, layer_b)
left join joint_t using (df)
left join missing as missing_a
    on missing_a.run_id = bounded.run_id_a and missing_a.layer = bounded.layer_a
left join missing as missing_b
    on missing_b.run_id = bounded.run_id_b and missing_b.layer = bounded.layer_b
order by
    a.model, a.concept, a.variant, a.method, b.method, bounded.layer_a, bounded.layer_b,
    bounded.run_id_a, bounded.run_id_b
