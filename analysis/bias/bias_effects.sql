-- question: By how many logits does steering move items more where the positive option is the first letter, or Yes?
-- grain: run, layer, factor
-- source: the effect behind the shares of Tan et al. 2024 (arXiv 2407.12404), section 4, in logits, which an
--   even spread of slopes does not inflate; intervals as named in warehouse/macros/intervals.sql
-- params:
--   filters
--   split             train|validation|test  test    split that is reported
--   role              fitted|null|resample   fitted  vectors: fitted, resample or null
--   layer             layer                  null    one layer, or `best` = the one that validation chose; null = all
--   multiplier_bound  positive               1.5     slopes are fitted over abs(multiplier) up to this
--   confidence        fraction               0.95    level of the intervals
-- columns:
--   model             model
--   concept           concept that the questions ask about
--   variant           prompt variant they are asked under
--   method            how the vector was fitted
--   layer             decoder block whose output is steered
--   factor            letter (positive option first against second) or yes_no (positive option begins with Yes
--     against not)
--   steerability      mean slope over items, logits per multiplier
--   effect            mean slope on the factor's side minus mean slope on the other
--   effect_low        lower end of its interval by question; null where undetermined
--   effect_high       upper end
--   unsteered_effect  the same difference of unsteered logit differences: the model's own bias
--   unsteered_low     lower end of its interval
--   unsteered_high    upper end
--   p                 two-sided p of effect
--   q                 Benjamini-Hochberg q of p over this table, by factor
--   undetermined      why there is no effect, null where there is one
--   complete          false where an asked measurement is missing
-- further columns:
--   unsteered_p       two-sided p of unsteered_effect
--   standard_error    of effect, by question
--   df                degrees of freedom of its t
--   fit_concept       concept the vector was fitted on
--   fit_variant       variant it was fitted on
--   seed              seed of the vector, null where none is used
--   resample          bootstrap draw of the training questions, null for the full fit
--   norm              how the vector was scaled
--   operator          how it was applied
--   scope             where it was applied
--   split             split that is reported
--   n_items           items with a slope
--   n_questions       questions they belong to
--   n_rare            questions on the rarer side of the factor
--   n_multipliers     multipliers behind a slope (the fewest over items)
--   multiplier_bound  slopes are fitted over abs(multiplier) up to this
--   run_id            the run

with
asked as (
    from asked_cards($experiment, $model, $concept, $method, $role, $layer)
),

slopes as (
    select
        slopes.*,
        dataset.answer_format in ('yes_no', 'text') as no_letters
    from item_slope_within($multiplier_bound) as slopes
    inner join asked using (run_id)
    left join dataset on dataset.dataset_id = slopes.dataset_id
    where slopes.split = $split and is_layer(slopes.layer, $layer, asked.chosen_layer)
),

sides as (
    select
        run_id,
        layer,
        question_id,
        n_multipliers,
        slope,
        baseline_logit_diff::double as unsteered,
        no_letters,
        unnest(['letter', 'yes_no']) as factor,
        unnest([
            not no_letters and positive_option = 0, coalesce(positive_answer = 'Yes', false)
        ]) as is_one,
        unnest([
            coalesce(positive_answer = 'Yes', false), not no_letters and positive_option = 0
        ]) as is_other
    from slopes
),

questions as (
    select
        run_id,
        layer,
        factor,
        question_id,
        any_value(no_letters) as no_letters,
        min(n_multipliers) as n_multipliers,
        count(*) filter (where is_one) as n_one,
        count(*) filter (where not is_one) as n_two,
        count(*) filter (where is_one and is_other) as n_one_other,
        count(*) filter (where not is_one and is_other) as n_two_other,
        coalesce(sum(slope) filter (where is_one), 0) as slope_one,
        coalesce(sum(slope) filter (where not is_one), 0) as slope_two,
        coalesce(sum(unsteered) filter (where is_one), 0) as unsteered_one,
        coalesce(sum(unsteered) filter (where not is_one), 0) as unsteered_two
    from sides
    group by run_id, layer, factor, question_id
),

means as (
    select
        run_id,
        layer,
        factor,
        count(*) as n_questions,
        min(n_multipliers) as n_multipliers,
        sum(n_one) as n_one,
        sum(n_two) as n_two,
        (sum(slope_one) + sum(slope_two)) / (sum(n_one) + sum(n_two)) as steerability,
        sum(slope_one) / nullif(sum(n_one), 0) as slope_one,
        sum(slope_two) / nullif(sum(n_two), 0) as slope_two,
        sum(unsteered_one) / nullif(sum(n_one), 0) as unsteered_one,
        sum(unsteered_two) / nullif(sum(n_two), 0) as unsteered_two,
        least(count(*) filter (where n_one > 0), count(*) filter (where n_two > 0)) as n_rare,
        case
            when factor = 'letter' and bool_or(no_letters) then 'answers have no letters'
            when count(*) filter (where n_one > 0) < 2
                then count(*) filter (where n_one > 0) || ' question(s) on the side of '
                    || if(factor = 'letter', 'the first letter', 'Yes')
            when count(*) filter (where n_two > 0) < 2
                then count(*) filter (where n_two > 0) || ' question(s) on the other side of '
                    || if(factor = 'letter', 'the first letter', 'Yes')
        end as undetermined
    from questions
    group by run_id, layer, factor
),

influences as (
    select
        questions.run_id,
        questions.layer,
        questions.factor,
        questions.n_one,
        questions.n_two,
        questions.n_one_other,
        questions.n_two_other,
        side_influence(
            questions.slope_one, questions.n_one, means.slope_one, means.n_one,
            questions.slope_two, questions.n_two, means.slope_two, means.n_two
        ) as slope,
        side_influence(
            questions.unsteered_one, questions.n_one, means.unsteered_one, means.n_one,
            questions.unsteered_two, questions.n_two, means.unsteered_two, means.n_two
        ) as unsteered
    from questions
    inner join means using (run_id, layer, factor)
    where means.undetermined is null
),

kinds as (
    select
        run_id,
        layer,
        factor,
        count(*) as n_questions,
        kind_variance(slope) as slope,
        kind_variance(unsteered) as unsteered
    from influences
    group by run_id, layer, factor, n_one, n_two, n_one_other, n_two_other
),

errors as (
    select
        run_id,
        layer,
        factor,
        sqrt(sum(slope)) as standard_error,
        sqrt(sum(unsteered)) as unsteered_error,
        greatest(1, floor(welch_df(slope, n_questions)))::bigint as df,
        greatest(1, floor(welch_df(unsteered, n_questions)))::bigint as unsteered_df
    from kinds
    group by run_id, layer, factor
),

t_factors as (
    select df, t_factor($confidence, df + 1) as t_factor
    from (select distinct unnest([df, unsteered_df]) as df from errors)
),

tested as (
    select
        means.*,
        slope_one - slope_two as effect,
        unsteered_one - unsteered_two as unsteered_effect,
        errors.standard_error,
        errors.unsteered_error,
        errors.df,
        t_factors.t_factor,
        unsteered_t.t_factor as unsteered_t,
        student_t_two_sided((slope_one - slope_two) / nullif(standard_error, 0), errors.df) as p,
        student_t_two_sided(
            (unsteered_one - unsteered_two) / nullif(unsteered_error, 0), errors.unsteered_df
        ) as unsteered_p
    from means
    left join errors using (run_id, layer, factor)
    left join t_factors on t_factors.df = errors.df
    left join t_factors as unsteered_t on unsteered_t.df = errors.unsteered_df
),

families as (
    select id.*, q
    from q_values((
        select list({
            'id': {'run_id': run_id, 'layer': layer, 'factor': factor},
            'family': factor,
            'p': p
        })
        from tested
        where undetermined is null
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
    tested.layer,
    tested.factor,
    tested.steerability,
    if(undetermined is null, effect, null) as effect,
    if(undetermined is null, effect - t_factor * standard_error, null) as effect_low,
    if(undetermined is null, effect + t_factor * standard_error, null) as effect_high,
    if(undetermined is null, unsteered_effect, null) as unsteered_effect,
    if(undetermined is null, unsteered_effect - unsteered_t * unsteered_error, null)
        as unsteered_low,
    if(undetermined is null, unsteered_effect + unsteered_t * unsteered_error, null)
        as unsteered_high,
    if(undetermined is null, p, null) as p,
    families.q,
    tested.undetermined,
    coalesce(missing.n_missing, 0) = 0 as complete,
    if(undetermined is null, unsteered_p, null) as unsteered_p,
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
    (tested.n_one + tested.n_two)::bigint as n_items,
    tested.n_questions,
    tested.n_rare,
    tested.n_multipliers,
    $multiplier_bound as multiplier_bound,
    asked.run_id
from asked
inner join tested using (run_id)
left join families using (run_id, layer, factor)
left join missing using (run_id, layer)
order by
    asked.model, asked.concept, asked.method, asked.fit_variant, asked.variant, tested.layer,
    asked.scope, asked.seed, asked.resample, asked.run_id, tested.factor
