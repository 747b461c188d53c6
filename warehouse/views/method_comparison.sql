-- Two vectors on the same questions: fitted on the same data by different methods or norms, or
-- applied by different operators. Paired by question, because both steer the same prompts: the mean
-- of a question's slopes under one minus that under the other.
create view method_comparison as
with comparable as (
    select *
    from run_card
    where role = 'fitted' and resample is null
),

pair as (
    select one.run_id as run_id_a, two.run_id as run_id_b
    from comparable as one
    inner join comparable as two
        on
            two.evaluation_id = one.evaluation_id
            and two.scope = one.scope
            and (one.method, one.norm, one.operator) < (two.method, two.norm, two.operator)
    where
        coalesce(one.fit_dataset_ids = two.fit_dataset_ids, true)
        and coalesce(one.fit_variant_ids = two.fit_variant_ids, true)
        and coalesce(one.seed = two.seed, true)
),

question as (
    select
        run_id,
        split,
        layer,
        question_id,
        avg(slope) as slope,
        min(n_multipliers) as n_multipliers,
        any_value(multiplier_bound) as multiplier_bound
    from item_slope
    where
        run_id in (select run_id_a from pair)
        or run_id in (select run_id_b from pair)
    group by run_id, split, layer, question_id
),

difference as (
    select
        pair.run_id_a,
        pair.run_id_b,
        one.split,
        one.layer,
        count(*) as n_questions,
        min(least(one.n_multipliers, two.n_multipliers)) as n_multipliers,
        any_value(one.multiplier_bound) as multiplier_bound,
        avg(one.slope) as steerability_a,
        avg(two.slope) as steerability_b,
        avg(one.slope - two.slope) as mean_paired_difference,
        stddev_samp(one.slope - two.slope) as sd_paired_difference,
        avg((one.slope > two.slope)::integer) as fraction_a_larger
    from pair
    inner join question as one on one.run_id = pair.run_id_a
    inner join question as two
        on
            two.run_id = pair.run_id_b
            and two.split = one.split
            and two.layer = one.layer
            and two.question_id = one.question_id
    group by pair.run_id_a, pair.run_id_b, one.split, one.layer
)

select
    a.evaluation_id,
    a.model_id,
    a.dataset_id,
    a.variant_id,
    a.model,
    a.concept,
    a.variant,
    coalesce(a.fit_variant, b.fit_variant) as fit_variant,
    a.scope,
    difference.split,
    difference.layer,
    difference.run_id_a,
    difference.run_id_b,
    a.method as method_a,
    b.method as method_b,
    a.norm as norm_a,
    b.norm as norm_b,
    a.operator as operator_a,
    b.operator as operator_b,
    coalesce(a.seed, b.seed) as seed,
    difference.n_questions,
    difference.n_multipliers,
    difference.multiplier_bound,
    difference.steerability_a,
    difference.steerability_b,
    difference.mean_paired_difference,
    difference.sd_paired_difference,
    difference.fraction_a_larger
from difference
inner join run_card as a on a.run_id = difference.run_id_a
inner join run_card as b on b.run_id = difference.run_id_b;
