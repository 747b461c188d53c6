-- question: Does the model itself lean to a letter or to Yes, before anything is steered?
-- grain: model, concept, variant, factor
-- source: this project (unsteered bias apart from steering bias); positional bias of unsteered answers as a
--   logit difference, so that it is comparable with bias_effects; intervals as named in
--   warehouse/macros/intervals.sql
-- params:
--   filters
--   split       train|validation|test  test  split that is reported
--   confidence  fraction               0.95  level of the intervals
-- columns:
--   model              model
--   concept            concept that the questions ask about
--   variant            prompt variant they are asked under
--   factor             letter (first option) or yes_no (the option that begins with Yes)
--   lean               logits by which an answer leans to the factor's side: half of the difference of
--     unsteered logit differences between items whose positive option stands there and the others
--   lean_low           lower end of its interval by question; null where undetermined
--   lean_high          upper end
--   p                  two-sided p of lean
--   chosen_fraction    share of items answered with the factor's side
--   chosen_low         lower end of its Wilson interval on effective_items
--   chosen_high        upper end
--   share              share of the variance of unsteered logit differences that the factor explains alone
--   undetermined       why there is no lean, null where there is one
--   complete           false where an asked measurement is missing
-- further columns:
--   mean_logit_diff    mean unsteered logit difference over items
--   standard_error     of lean, by question
--   df                 degrees of freedom of its t
--   effective_items    items that chosen_fraction is worth, after the design effect
--   split              split that is reported
--   n_items            items with an unsteered answer
--   n_questions        questions they belong to
--   n_rare             questions on the rarer side of the factor
--   n_multipliers      1: only multiplier 0 is looked at
--   multiplier_bound   0: nothing is steered
--   evaluation_id      model, dataset, variant and score

with
asked as (
    select distinct evaluation_id, model_id, dataset_id, model, concept, variant
    from asked_cards($experiment, $model, $concept, $method, 'fitted', null)
),

sides as (
    select
        baseline.evaluation_id,
        item.question_id,
        baseline.logit_diff::double as y,
        dataset.answer_format in ('yes_no', 'text') as no_letters,
        unnest(['letter', 'yes_no']) as factor,
        unnest([
            not no_letters and item.positive_option = 0,
            coalesce(item.positive_answer = 'Yes', false)
        ]) as is_one,
        unnest([
            coalesce(item.positive_answer = 'Yes', false),
            not no_letters and item.positive_option = 0
        ]) as is_other
    from baseline
    inner join asked using (evaluation_id)
    inner join dataset using (dataset_id)
    inner join split_item
        on
            split_item.dataset_id = asked.dataset_id
            and split_item.item_id = baseline.item_id
            and split_item.split = $split
    inner join item on item.item_id = baseline.item_id
),

questions as (
    select
        evaluation_id,
        factor,
        question_id,
        any_value(no_letters) as no_letters,
        count(*) as n,
        count(*) filter (where is_one) as n_one,
        count(*) filter (where not is_one) as n_two,
        count(*) filter (where is_one and is_other) as n_one_other,
        count(*) filter (where not is_one and is_other) as n_two_other,
        coalesce(sum(y) filter (where is_one), 0) as y_one,
        coalesce(sum(y) filter (where not is_one), 0) as y_two,
        sum((is_one = (y > 0))::integer) as chosen
    from sides
    group by evaluation_id, factor, question_id
),

explained as (
    select evaluation_id, factor, variance_share(y, is_one, question_id, 0) as share
    from sides
    group by evaluation_id, factor
),

means as (
    select
        evaluation_id,
        factor,
        count(*) as n_questions,
        sum(n_one) as n_one,
        sum(n_two) as n_two,
        (sum(y_one) + sum(y_two)) / sum(n) as mean_logit_diff,
        sum(y_one) / nullif(sum(n_one), 0) as mean_one,
        sum(y_two) / nullif(sum(n_two), 0) as mean_two,
        sum(chosen) / sum(n) as chosen_fraction,
        effective_number(chosen, n) as effective_items,
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
    group by evaluation_id, factor
),

influences as (
    select
        questions.evaluation_id,
        questions.factor,
        questions.n_one,
        questions.n_two,
        questions.n_one_other,
        questions.n_two_other,
        side_influence(
            questions.y_one, questions.n_one, means.mean_one, means.n_one,
            questions.y_two, questions.n_two, means.mean_two, means.n_two
        ) / 2 as y
    from questions
    inner join means using (evaluation_id, factor)
    where means.undetermined is null
),

kinds as (
    select evaluation_id, factor, count(*) as n_questions, kind_variance(y) as variance
    from influences
    group by evaluation_id, factor, n_one, n_two, n_one_other, n_two_other
),

errors as (
    select
        evaluation_id,
        factor,
        sqrt(sum(variance)) as standard_error,
        greatest(1, floor(welch_df(variance, n_questions)))::bigint as df
    from kinds
    group by evaluation_id, factor
),

t_factors as (
    select df, t_factor($confidence, df + 1) as t_factor
    from (select distinct df from errors)
),

missing as (
    select evaluation_id, sum(n_missing) as n_missing
    from coverage
    where
        split = $split
        and multiplier = 0
        and evaluation_id in (select evaluation_id from asked)
    group by evaluation_id
)

select
    asked.model,
    asked.concept,
    asked.variant,
    means.factor,
    if(undetermined is null, (mean_one - mean_two) / 2, null) as lean,
    if(undetermined is null, (mean_one - mean_two) / 2 - t_factor * standard_error, null)
        as lean_low,
    if(undetermined is null, (mean_one - mean_two) / 2 + t_factor * standard_error, null)
        as lean_high,
    if(
        undetermined is null,
        student_t_two_sided((mean_one - mean_two) / 2 / nullif(standard_error, 0), df),
        null
    ) as p,
    if(undetermined is null, chosen_fraction, null) as chosen_fraction,
    if(undetermined is null, wilson_low(chosen_fraction, effective_items, $confidence), null)
        as chosen_low,
    if(undetermined is null, wilson_high(chosen_fraction, effective_items, $confidence), null)
        as chosen_high,
    if(undetermined is null, explained.share, null) as share,
    means.undetermined,
    coalesce(missing.n_missing, 0) = 0 as complete,
    means.mean_logit_diff,
    errors.standard_error,
    errors.df,
    if(undetermined is null, means.effective_items, null) as effective_items,
    $split as split,
    (means.n_one + means.n_two)::bigint as n_items,
    means.n_questions,
    means.n_rare,
    1 as n_multipliers,
    0::double as multiplier_bound,
    asked.evaluation_id
from asked
inner join means using (evaluation_id)
inner join explained using (evaluation_id, factor)
left join errors using (evaluation_id, factor)
left join t_factors using (df)
left join missing using (evaluation_id)
order by asked.model, asked.concept, asked.variant, asked.evaluation_id, means.factor
