-- question: Are slopes and biases those of answers that the model would give, or of items on which it stopped answering?
-- grain: run, layer
-- source: this project (answer mass): a logit difference between two answers that nobody would give moves
--   freely; difference and interval by question as named in warehouse/macros/intervals.sql
-- params:
--   filters
--   split             train|validation|test  test    split that is reported
--   role              fitted|null|resample   fitted  vectors: fitted, resample or null
--   layer             layer                  null    one layer, or `best` = the one that validation chose; null = all
--   multiplier_bound  positive               1.5     curves are looked at over abs(multiplier) up to this
--   least_mass        fraction               0.5     an item answers where both answers have this probability at every multiplier
--   confidence        fraction               0.95    level of the intervals
-- columns:
--   model                   model
--   concept                 concept that the questions ask about
--   variant                 prompt variant they are asked under
--   method                  how the vector was fitted
--   layer                   decoder block whose output is steered
--   answering_fraction      share of items that answer all along the curve
--   steerability            mean slope over all items
--   steerability_answering  mean slope over those that answer
--   steerability_silent     mean slope over the others
--   difference              silent minus answering, logits per multiplier
--   difference_low          lower end of its interval by question; null where undetermined
--   difference_high         upper end
--   p                       two-sided p of difference
--   letter_effect           mean slope with the positive option first minus second, all items
--   letter_effect_answering  the same among items that answer
--   undetermined            why there is no difference, null where there is one
--   complete                false where an asked measurement is missing
-- further columns:
--   q                       Benjamini-Hochberg q of p over this table
--   anti_steerable_answering  share of slopes <= -slope_floor among items that answer
--   anti_steerable_silent   the same among the others
--   standard_error          of difference, by question
--   df                      degrees of freedom of its t
--   fit_concept             concept the vector was fitted on
--   fit_variant             variant it was fitted on
--   seed                    seed of the vector, null where none is used
--   resample                bootstrap draw of the training questions, null for the full fit
--   norm                    how the vector was scaled
--   operator                how it was applied
--   scope                   where it was applied
--   split                   split that is reported
--   n_items                 items with a slope
--   n_silent                items that stop answering somewhere on the curve
--   n_questions             questions they belong to
--   n_multipliers           multipliers behind a slope (the fewest over items)
--   multiplier_bound        curves are looked at over abs(multiplier) up to this
--   run_id                  the run

with
asked as (
    select asked.*, evaluation.score
    from asked_cards($experiment, $model, $concept, $method, $role, $layer) as asked
    inner join evaluation using (evaluation_id)
),

masses as (
    select sweep.run_id, sweep.layer, sweep.item_id, min(sweep.answer_logmass) as least_logmass
    from sweep
    inner join asked using (run_id)
    where
        sweep.split = $split
        and abs(sweep.multiplier) <= $multiplier_bound
        and is_layer(sweep.layer, $layer, asked.chosen_layer)
    group by sweep.run_id, sweep.layer, sweep.item_id
),

items as (
    select
        slopes.run_id,
        slopes.layer,
        slopes.question_id,
        slopes.slope,
        slopes.n_multipliers,
        slopes.anti_steerable,
        slopes.positive_option = 0 as is_first,
        dataset.answer_format in ('yes_no', 'text') as no_letters,
        -- whole texts are unlikely whatever is said
        if(asked.score = 'sequence', null, least_logmass < ln($least_mass)) as silent
    from item_slope_within($multiplier_bound) as slopes
    inner join asked using (run_id)
    inner join masses
        on
            masses.run_id = slopes.run_id
            and masses.layer = slopes.layer
            and masses.item_id = slopes.item_id
    left join dataset on dataset.dataset_id = slopes.dataset_id
    where slopes.split = $split
),

over_items as (
    select
        run_id,
        layer,
        count(*) as n_items,
        min(n_multipliers) as n_multipliers,
        avg(slope) as steerability,
        1 - avg(silent::integer) as answering_fraction,
        count(*) filter (where silent) as n_silent,
        avg(anti_steerable::integer) filter (where not silent) as anti_steerable_answering,
        avg(anti_steerable::integer) filter (where silent) as anti_steerable_silent,
        avg(slope) filter (where is_first and not no_letters)
        - avg(slope) filter (where not is_first and not no_letters) as letter_effect,
        avg(slope) filter (where is_first and not no_letters and not silent)
        - avg(slope) filter (where not is_first and not no_letters and not silent)
            as letter_effect_answering
    from items
    group by run_id, layer
),

questions as (
    select
        run_id,
        layer,
        question_id,
        bool_or(silent is null) as unknown,
        count(*) filter (where silent) as n_one,
        count(*) filter (where not silent) as n_two,
        coalesce(sum(slope) filter (where silent), 0) as slope_one,
        coalesce(sum(slope) filter (where not silent), 0) as slope_two
    from items
    group by run_id, layer, question_id
),

means as (
    select
        run_id,
        layer,
        count(*) as n_questions,
        sum(n_one) as n_one,
        sum(n_two) as n_two,
        sum(slope_one) / nullif(sum(n_one), 0) as slope_one,
        sum(slope_two) / nullif(sum(n_two), 0) as slope_two,
        case
            when bool_or(unknown) then 'answers are whole texts'
            when count(*) filter (where n_one > 0) < 2
                then count(*) filter (where n_one > 0) || ' question(s) stop answering'
            when count(*) filter (where n_two > 0) < 2
                then count(*) filter (where n_two > 0) || ' question(s) answer all along'
        end as undetermined
    from questions
    group by run_id, layer
),

influences as (
    select
        questions.run_id,
        questions.layer,
        questions.n_one,
        questions.n_two,
        side_influence(
            questions.slope_one, questions.n_one, means.slope_one, means.n_one,
            questions.slope_two, questions.n_two, means.slope_two, means.n_two
        ) as slope
    from questions
    inner join means using (run_id, layer)
    where means.undetermined is null
),

kinds as (
    select run_id, layer, count(*) as n_questions, kind_variance(slope) as variance
    from influences
    group by run_id, layer, n_one, n_two
),

errors as (
    select
        run_id,
        layer,
        sqrt(sum(variance)) as standard_error,
        greatest(1, floor(welch_df(variance, n_questions)))::bigint as df
    from kinds
    group by run_id, layer
),

t_factors as (
    select df, t_factor($confidence, df + 1) as t_factor
    from (select distinct df from errors)
),

tested as (
    select
        means.*,
        slope_one - slope_two as difference,
        standard_error,
        df,
        t_factor,
        student_t_two_sided((slope_one - slope_two) / nullif(standard_error, 0), df) as p
    from means
    left join errors using (run_id, layer)
    left join t_factors using (df)
),

families as (
    select id.*, q
    from q_values((
        select list({
            'id': {'run_id': run_id, 'layer': layer},
            'family': 0,
            'p': p
        })
        from tested
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
    over_items.answering_fraction,
    over_items.steerability,
    tested.slope_two as steerability_answering,
    tested.slope_one as steerability_silent,
    if(undetermined is null, difference, null) as difference,
    if(undetermined is null, difference - t_factor * standard_error, null) as difference_low,
    if(undetermined is null, difference + t_factor * standard_error, null) as difference_high,
    tested.p,
    over_items.letter_effect,
    over_items.letter_effect_answering,
    tested.undetermined,
    coalesce(missing.n_missing, 0) = 0 as complete,
    families.q,
    over_items.anti_steerable_answering,
    over_items.anti_steerable_silent,
    tested.standard_error,
    tested.df,
    asked.fit_concept,
    asked.fit_variant,
    asked.seed,
    asked.resample,
    asked.norm,
    asked.operator,
    asked.scope,
    $split as split,
    over_items.n_items,
    over_items.n_silent,
    tested.n_questions,
    over_items.n_multipliers,
    $multiplier_bound as multiplier_bound,
    asked.run_id
from asked
inner join over_items using (run_id)
inner join tested using (run_id, layer)
left join families using (run_id, layer)
left join missing using (run_id, layer)
order by
    asked.model, asked.concept, asked.method, asked.fit_variant, asked.variant, over_items.layer,
    asked.scope, asked.seed, asked.resample, asked.run_id
