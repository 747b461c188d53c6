-- question: How much of each published number is owed to leaked questions and to doubtful labels?
-- grain: run, layer, subset of the items (none where nothing is left of one)
-- source: this project, on the data sets of Tan et al. 2024: a test question has leaked when its
--   normalised stem (question_id) is among those that the vector was fitted on, or, for a vector that
--   was not fitted here, in the train split; label confidence is the source's own. Tan et al. 2024
--   (arXiv 2407.12404) publish the mean and the median slope and the share of slopes not above 0,
--   the in-distribution ones with the fit variant evaluated
-- params:
--   filters
--   split             train|validation|test  test  split that is reported
--   layer             layer                  null  one layer, or `best` = the one that validation chose; null = all
--   multiplier_bound  positive               1.5   slopes are fitted over abs(multiplier) up to this
--   low_confidence    fraction               0.8   label confidence below this is low
--   confidence        fraction               0.95  level of the intervals
-- columns:
--   model                      model
--   concept                    concept that the questions ask about
--   variant                    prompt variant they are asked under
--   method                     how the vector was fitted
--   layer                      decoder block whose output is steered
--   subset                     all, without_leaked, without_low_confidence or without_both
--   n_removed                  items that the subset leaves out
--   steerability               mean slope over the subset's items
--   steerability_low           lower end of its cluster-t interval by question
--   steerability_high          upper end
--   difference                 steerability of the subset minus that of all: what leaving out changes
--   difference_low             lower end of its interval, kept against removed questions (Welch), for the
--     share that was removed; null for all, and below 2 questions on a side
--   difference_high            upper end
--   q                          Benjamini-Hochberg q over this table of its p, under the null that the removed
--     questions are like the others
--   anti_steerable_fraction    share of the subset's items with slope <= -slope_floor
--   anti_steerable_difference  that share minus that of all
--   in_distribution            the vector was fitted on the concept and variant that are evaluated
--   complete                   false where an asked measurement is missing
-- further columns:
--   anti_steerable_low         lower end of the interval of anti_steerable_fraction (fraction_low)
--   anti_steerable_high        upper end
--   anti_steerable_difference_low   lower end of the interval of anti_steerable_difference (Newcombe)
--   anti_steerable_difference_high  upper end
--   median_slope               median slope of the subset
--   anti_steerable_fraction_tan  1 - mean(slope > 0) of the subset
--   p                          two-sided p of the difference
--   removed_steerability       mean slope of the items left out
--   fit_concept                concept the vector was fitted on
--   fit_variant                variant it was fitted on
--   seed                       seed of the vector, null where none is used
--   norm                       how the vector was scaled
--   operator                   how it was applied
--   scope                      where it was applied
--   split                      split that is reported
--   n_items                    items of the subset
--   n_questions                questions they belong to
--   n_removed_questions        questions of the items left out
--   n_multipliers              multipliers behind a slope (the fewest over items)
--   multiplier_bound           slopes are fitted over abs(multiplier) up to this
--   run_id                     the run

with
asked as (
    from asked_cards($experiment, $model, $concept, $method, 'fitted', $layer)
),

slopes as (
    select
        slopes.*,
        seen.run_id is not null as has_leaked,
        coalesce(slopes.label_confidence < $low_confidence, false) as doubtful
    from item_slope_within($multiplier_bound) as slopes
    inner join asked using (run_id)
    left join fitted_question as seen
        on seen.run_id = slopes.run_id and seen.question_id = slopes.question_id
    where slopes.split = $split and is_layer(slopes.layer, $layer, asked.chosen_layer)
),

subset as (
    select unnest([
        {'subset': 'all', 'place': 1, 'leaks': true, 'doubts': true},
        {'subset': 'without_leaked', 'place': 2, 'leaks': false, 'doubts': true},
        {'subset': 'without_low_confidence', 'place': 3, 'leaks': true, 'doubts': false},
        {'subset': 'without_both', 'place': 4, 'leaks': false, 'doubts': false}
    ], recursive := true)
),

items as (
    select
        slopes.*,
        subset.subset,
        subset.place,
        (subset.leaks or not slopes.has_leaked) and (subset.doubts or not slopes.doubtful) as kept
    from slopes
    cross join subset
),

questions as (
    select
        run_id,
        layer,
        subset,
        kept,
        question_id,
        count(*) as n,
        sum(slope) as slope,
        sum(anti_steerable::integer) as anti_steerable
    from items
    group by run_id, layer, subset, kept, question_id
),

parts as (
    select
        run_id,
        layer,
        subset,
        kept,
        count(*) as n_questions,
        sum(n)::bigint as n_items,
        sum(slope) / sum(n) as steerability,
        cluster_standard_error(slope, n) as standard_error,
        sum(anti_steerable) / sum(n) as anti_steerable_fraction,
        effective_number(anti_steerable, n) as effective_items
    from questions
    group by run_id, layer, subset, kept
),

t_factors as (
    select n_questions, t_factor($confidence, n_questions) as t_factor
    from (select distinct n_questions from parts)
),

bounded as (
    select
        parts.*,
        t_factor,
        fraction_low(anti_steerable_fraction, effective_items, t_factor) as anti_steerable_low,
        fraction_high(anti_steerable_fraction, effective_items, t_factor) as anti_steerable_high
    from parts
    inner join t_factors using (n_questions)
),

over_items as (
    select
        run_id,
        layer,
        subset,
        any_value(place) as place,
        median(slope) as median_slope,
        1 - avg((slope > 0)::integer) as anti_steerable_fraction_tan,
        min(n_multipliers) as n_multipliers,
        any_value(multiplier_bound) as multiplier_bound
    from items
    where kept
    group by run_id, layer, subset
),

differences as (
    select
        kept.run_id,
        kept.layer,
        kept.subset,
        removed.n_items as n_removed,
        removed.n_questions as n_removed_questions,
        removed.steerability as removed_steerability,
        removed.n_items / (kept.n_items + removed.n_items) as share,
        kept.steerability - removed.steerability as contrast,
        sqrt(pow(kept.standard_error, 2) + pow(removed.standard_error, 2)) as error,
        joint_degrees(
            pow(kept.standard_error, 2), kept.n_questions,
            pow(removed.standard_error, 2), removed.n_questions
        ) as df,
        kept.anti_steerable_fraction - removed.anti_steerable_fraction as anti_contrast,
        difference_low(
            kept.anti_steerable_fraction, kept.anti_steerable_low,
            removed.anti_steerable_fraction, removed.anti_steerable_high, 0
        ) as anti_low,
        difference_high(
            kept.anti_steerable_fraction, kept.anti_steerable_high,
            removed.anti_steerable_fraction, removed.anti_steerable_low, 0
        ) as anti_high
    from bounded as kept
    inner join bounded as removed using (run_id, layer, subset)
    where kept.kept and not removed.kept
),

tested as (
    select *, student_t_two_sided(contrast / nullif(error, 0), df) as p
    from differences
),

corrected as (
    select id.*, q
    from q_values((
        select list({
            'id': {'run_id': run_id, 'layer': layer, 'subset': subset},
            'family': 0,
            'p': p
        })
        from tested
    ))
),

joint_t as (
    select df, t_factor($confidence, df + 1) as joint_t_factor
    from (select distinct df from differences)
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
    bounded.layer,
    bounded.subset,
    coalesce(tested.n_removed, 0) as n_removed,
    bounded.steerability,
    bounded.steerability - t_factor * bounded.standard_error as steerability_low,
    bounded.steerability + t_factor * bounded.standard_error as steerability_high,
    coalesce(tested.share * tested.contrast, 0) as difference,
    tested.share * (tested.contrast - joint_t_factor * tested.error) as difference_low,
    tested.share * (tested.contrast + joint_t_factor * tested.error) as difference_high,
    corrected.q,
    bounded.anti_steerable_fraction,
    coalesce(tested.share * tested.anti_contrast, 0) as anti_steerable_difference,
    coalesce(
        asked.fit_dataset_ids = [asked.dataset_id] and asked.fit_variant_ids = [asked.variant_id],
        false
    ) as in_distribution,
    coalesce(missing.n_missing, 0) = 0 as complete,
    bounded.anti_steerable_low,
    bounded.anti_steerable_high,
    tested.share * tested.anti_low as anti_steerable_difference_low,
    tested.share * tested.anti_high as anti_steerable_difference_high,
    over_items.median_slope,
    over_items.anti_steerable_fraction_tan,
    tested.p,
    tested.removed_steerability,
    asked.fit_concept,
    asked.fit_variant,
    asked.seed,
    asked.norm,
    asked.operator,
    asked.scope,
    $split as split,
    bounded.n_items,
    bounded.n_questions,
    coalesce(tested.n_removed_questions, 0) as n_removed_questions,
    over_items.n_multipliers,
    over_items.multiplier_bound,
    asked.run_id
from asked
inner join bounded using (run_id)
inner join over_items using (run_id, layer, subset)
left join tested using (run_id, layer, subset)
left join corrected using (run_id, layer, subset)
left join joint_t using (df)
left join missing using (run_id, layer)
where bounded.kept
order by
    asked.model, asked.concept, asked.method, asked.fit_variant, asked.variant, bounded.layer,
    asked.scope, asked.seed, asked.run_id, over_items.place
