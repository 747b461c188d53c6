-- question: How far apart are two prompt variants before anything is steered?
-- grain: model, concept, pair of variants
-- source: Tan et al. 2024 (arXiv 2407.12404), section 5: mean over items of
--   abs(logit difference under A - logit difference under B) of the unsteered model
--   (plot_persona_relative_steerability_trends.py), with intervals by question
-- params:
--   filters
--   split       train|validation|test  test  split that is reported
--   confidence  fraction               0.95  level of the intervals
-- columns:
--   model            model
--   concept          concept that the questions ask about
--   variant_a        one variant
--   variant_b        the other
--   distance         mean over items of abs(b - a) of the unsteered logit differences; never below 0
--   distance_low     lower end of its cluster-t interval by question
--   distance_high    upper end
--   shift            mean over items of b - a
--   shift_low        lower end of its cluster-t interval by question
--   shift_high       upper end
--   shift_q          Benjamini-Hochberg q of shift_p over this table
--   changed          share of items whose likelier answer is another
--   changed_low      lower end of its Wilson interval on effective items
--   changed_high     upper end
--   complete         false where an asked unsteered answer is missing
-- further columns:
--   shift_p          two-sided p of no shift (cluster t); 1 where it is below slope_floor, the model's own error
--   pearson          correlation over items of the two logit differences
--   spearman         the same of their ranks
--   mean_a           mean unsteered logit difference under A
--   mean_b           the same under B
--   split            split that is reported
--   n_items          items answered under both
--   n_questions      questions they belong to
--   n_multipliers    always 0: nothing is steered here
--   evaluation_id_a  the evaluation under A
--   evaluation_id_b  the evaluation under B

with
card as materialized (
    select distinct
        card.evaluation_id, card.model_id, card.dataset_id, card.model, card.concept, card.variant,
        evaluation.score, evaluation.parameters
    from asked_cards($experiment, $model, $concept, $method, 'fitted', null) as card
    inner join evaluation using (evaluation_id)
),

answer as materialized (
    select
        card.*,
        baseline.item_id,
        item.question_id,
        baseline.logit_diff::double as logit_diff
    from card
    inner join baseline using (evaluation_id)
    inner join split_item
        on split_item.dataset_id = card.dataset_id and split_item.item_id = baseline.item_id
    inner join item on item.item_id = baseline.item_id
    where split_item.split = $split
),

both_sides as materialized (
    select
        a.evaluation_id as a,
        b.evaluation_id as b,
        a.question_id,
        a.logit_diff as left_diff,
        b.logit_diff as right_diff
    from answer as a
    inner join answer as b
        on
            b.model_id = a.model_id
            and b.dataset_id = a.dataset_id
            and b.score = a.score
            and b.parameters = a.parameters
            and b.item_id = a.item_id
            and (a.variant, a.evaluation_id) < (b.variant, b.evaluation_id)
),

question as (
    select
        a,
        b,
        question_id,
        count(*) as n,
        sum(abs(right_diff - left_diff)) as distance,
        sum(right_diff - left_diff) as shift,
        sum(((right_diff > 0) <> (left_diff > 0))::integer) as changed
    from both_sides
    group by a, b, question_id
),

summary as (
    select
        a,
        b,
        sum(n)::bigint as n_items,
        count(*) as n_questions,
        sum(distance) / sum(n) as distance,
        cluster_standard_error(distance, n) as distance_error,
        sum(shift) / sum(n) as shift,
        cluster_standard_error(shift, n) as shift_error,
        sum(changed) / sum(n) as changed,
        effective_number(changed, n) as effective_items
    from question
    group by a, b
),

ranked as (
    select
        *,
        rank() over (partition by a, b order by left_diff)
        + (count(*) over (partition by a, b, left_diff) - 1) / 2.0 as left_rank,
        rank() over (partition by a, b order by right_diff)
        + (count(*) over (partition by a, b, right_diff) - 1) / 2.0 as right_rank,
        min(left_diff) over pair < max(left_diff) over pair
        and min(right_diff) over pair < max(right_diff) over pair as both_vary
    from both_sides
    window pair as (partition by a, b)
),

alike as (
    select
        a,
        b,
        corr(left_diff, right_diff) filter (where both_vary) as pearson,
        corr(left_rank, right_rank) filter (where both_vary) as spearman,
        avg(left_diff) as mean_a,
        avg(right_diff) as mean_b
    from ranked
    group by a, b
),

tested as materialized (
    select
        summary.*,
        difference_p(shift, shift_error, n_questions - 1, slope_floor.slope_floor) as p
    from summary
    inner join card on card.evaluation_id = summary.a
    left join slope_floor on slope_floor.model_id = card.model_id
),

family as (
    select id.*, q
    from q_values((select list({'id': {'a': a, 'b': b}, 'family': 0, 'p': p}) from tested))
),

factor as (
    select n_questions, t_factor($confidence, n_questions) as t
    from (select distinct n_questions from summary)
),

missing as (
    select evaluation_id, max(n_missing) as n_missing
    from coverage
    where
        split = $split
        and multiplier = 0
        and evaluation_id in (select evaluation_id from card)
    group by evaluation_id
)

select
    a.model,
    a.concept,
    a.variant as variant_a,
    b.variant as variant_b,
    tested.distance,
    if(
        tested.distance_error is null,
        null,
        greatest(0, tested.distance - factor.t * tested.distance_error)
    ) as distance_low,
    tested.distance + factor.t * tested.distance_error as distance_high,
    tested.shift,
    tested.shift - factor.t * tested.shift_error as shift_low,
    tested.shift + factor.t * tested.shift_error as shift_high,
    family.q as shift_q,
    tested.changed,
    wilson_low(tested.changed, tested.effective_items, $confidence) as changed_low,
    wilson_high(tested.changed, tested.effective_items, $confidence) as changed_high,
    coalesce(missing.n_missing, 0) + coalesce(missing_b.n_missing, 0) = 0 as complete,
    tested.p as shift_p,
    alike.pearson,
    alike.spearman,
    alike.mean_a,
    alike.mean_b,
    $split as split,
    tested.n_items,
    tested.n_questions,
    0 as n_multipliers,
    tested.a as evaluation_id_a,
    tested.b as evaluation_id_b
from tested
inner join alike on alike.a = tested.a and alike.b = tested.b
inner join card as a on a.evaluation_id = tested.a
inner join card as b on b.evaluation_id = tested.b
left join factor on factor.n_questions = tested.n_questions
left join family on family.a = tested.a and family.b = tested.b
left join missing on missing.evaluation_id = tested.a
left join missing as missing_b on missing_b.evaluation_id = tested.b
order by a.model, a.concept, a.variant, b.variant, tested.a, tested.b
