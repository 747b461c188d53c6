-- question: What do operators without a slope (ablate) do to the answers, how sure is that, and how many items move against the concept, toward it or not at all?
-- grain: run, layer
-- source: this project: what has no graded multiplier reports effect = logit_diff - baseline; directional
--   ablation as in Arditi et al. 2024 (arXiv 2406.11717), here at one layer; intervals, nulls and q
--   values as in steerability (macros in warehouse/macros/intervals.sql name the papers)
-- params:
--   filters
--   split       train|validation|test  test    split that is reported
--   role        fitted|null|resample   fitted  vectors: fitted, resample or null
--   layer       layer                  null    one layer, or `best` = the one that validation chose for an operator with a slope; null = all
--   confidence  fraction               0.95    level of the intervals
-- columns:
--   model                    model
--   concept                  concept that the questions ask about
--   variant                  prompt variant they are asked under
--   method                   how the vector was fitted
--   layer                    decoder block whose output is steered
--   effect                   mean over items of steered minus unsteered logit difference
--   effect_low               lower end of its cluster-t interval by question
--   effect_high              upper end
--   against_fraction         share of items with effect <= -effect_floor: moved away from the concept
--   against_low              lower end of its interval on effective_items (Wilson, made wider: fraction_low)
--   against_high             upper end
--   toward_fraction          share of items with effect >= effect_floor
--   unmoved_fraction         share of items with abs(effect) < effect_floor
--   nulls                    null vectors measured on the same items, `no null` where there are none
--   random_q                 Benjamini-Hochberg q of random_p over this table
--   label_shuffled_q         Benjamini-Hochberg q of label_shuffled_p over this table
--   complete                 false where an asked measurement is missing
-- further columns:
--   fit_concept              concept the vector was fitted on
--   fit_variant              variant it was fitted on
--   seed                     seed of the vector, null where none is used
--   resample                 bootstrap draw of the training questions, null for the full fit
--   norm                     how the vector was scaled
--   operator                 how it was applied
--   scope                    where it was applied
--   split                    split that is reported
--   degenerate               vector shorter than 1e-4 of the residual norm
--   n_items                  items with an effect
--   n_questions              questions they belong to
--   n_multipliers            1: measured once, for these operators have no multiplier
--   multiplier_bound         null, for the same reason
--   effect_floor             smallest effect that can be told from nothing: 3 times the largest error that --verify
--     found in one logit difference, 1e-3 at least
--   mean_baseline            mean unsteered logit difference
--   standard_error           standard error of effect, CR1 by question
--   n_resamples              vectors of bootstrap draws of the training questions that were measured beside it
--   resample_sd              standard deviation of their effect: what other training questions would change
--   unconditional_low        lower end of the interval for another draw of training and test questions: both
--     variances added, t with Satterthwaite's degrees of freedom; null without resamples
--   unconditional_high       upper end
--   sd_effect                standard deviation of effects over items
--   median_effect            median effect
--   effective_items          items that against_fraction is worth, after the design effect
--   random_n                 random null vectors measured
--   random_mean              their mean effect
--   random_sd                its standard deviation over them
--   random_p                 two-sided p of the t prediction from them, n - 1 degrees of freedom
--   random_rank_p            (1 + nulls with abs(effect) as large) / (n + 1)
--   label_shuffled_n         as for random, labels shuffled by question
--   label_shuffled_mean      as for random
--   label_shuffled_sd        as for random
--   label_shuffled_p         as for random
--   label_shuffled_rank_p    as for random
--   run_id                   the run

with
asked as (
    from asked_cards($experiment, $model, $concept, $method, $role, $layer)
    where not graded
),

wanted as (
    select run_id, chosen_layer
    from asked
    union
    select companion_run.companion_run_id as run_id, asked.chosen_layer
    from asked
    inner join companion_run using (run_id)
),

items as (
    select
        sweep.run_id,
        sweep.layer,
        sweep.question_id,
        sweep.multiplier,
        sweep.effect,
        sweep.baseline_logit_diff::double as baseline,
        greatest(1e-3, 3 * coalesce(slope_floor.largest_error, 0)) as effect_floor
    from sweep
    inner join wanted using (run_id)
    left join slope_floor on slope_floor.model_id = sweep.model_id
    where
        sweep.split = $split
        and is_layer(sweep.layer, $layer, wanted.chosen_layer)
        and sweep.effect is not null
),

questions as (
    select
        run_id,
        layer,
        question_id,
        count(*) as n,
        sum(effect) as effect,
        sum((effect <= -effect_floor)::integer) as against
    from items
    group by run_id, layer, question_id
),

over_questions as (
    select
        run_id,
        layer,
        count(*) as n_questions,
        cluster_standard_error(effect, n) as standard_error,
        effective_number(against, n) as effective_items
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
        count(distinct multiplier) as n_multipliers,
        any_value(effect_floor) as effect_floor,
        avg(baseline) as mean_baseline,
        avg(effect) as mean_effect,
        stddev_samp(effect) as sd_effect,
        median(effect) as median_effect,
        avg((effect <= -effect_floor)::integer) as against_fraction,
        avg((effect >= effect_floor)::integer) as toward_fraction,
        avg((abs(effect) < effect_floor)::integer) as unmoved_fraction
    from items
    group by run_id, layer
),

beside as materialized (
    from beside_runs((
        select list({
            'run_id': run_id,
            'layer': layer,
            'n_items': n_items,
            'n_multipliers': n_multipliers,
            'mean': mean_effect
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
    over_items.mean_effect as effect,
    over_items.mean_effect - t_factor * standard_error as effect_low,
    over_items.mean_effect + t_factor * standard_error as effect_high,
    over_items.against_fraction,
    fraction_low(against_fraction, effective_items, t_factor) as against_low,
    fraction_high(against_fraction, effective_items, t_factor) as against_high,
    over_items.toward_fraction,
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
    null::double as multiplier_bound,
    over_items.effect_floor,
    over_items.mean_baseline,
    over_questions.standard_error,
    beside.n_resamples,
    beside.resample_sd,
    over_items.mean_effect - joint_t_factor * unconditional_error as unconditional_low,
    over_items.mean_effect + joint_t_factor * unconditional_error as unconditional_high,
    over_items.sd_effect,
    over_items.median_effect,
    over_questions.effective_items,
    beside.random_n,
    beside.random_mean,
    beside.random_sd,
    beside.random_p,
    beside.random_rank_p,
    beside.label_shuffled_n,
    beside.label_shuffled_mean,
    beside.label_shuffled_sd,
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
    asked.operator, asked.scope, asked.seed, asked.resample, asked.run_id
