-- question: At equal damage to unrelated texts, how far does each method move the answers?
-- grain: run, layer, text set, damage level, side of 0
-- source: docs/damage.md; the multiplier at which the mean damage over texts first
--   reaches the level and the items' answers there are linear between measured multipliers; cluster t
--   and Wilson's interval by question (warehouse/macros/intervals.sql), conditional on that multiplier
-- params:
--   filters
--   split       train|validation|test  test      split that is reported
--   role        fitted|null            fitted    vectors: fitted, or null (random ones: the yardstick)
--   layer       layer                  null      one layer, or `best` = the one that validation chose; null = all
--   measure     kl|cross_entropy_rise  kl        damage that is made equal
--   levels      double[]               [0.5, 1]  damages at which methods are compared, nats a token
--   confidence  fraction               0.95      level of the intervals
-- columns:
--   model                       model
--   concept                     concept that the questions ask about
--   variant                     prompt variant they are asked under
--   text_set                    texts that are damaged
--   level                       damage, nats a token
--   side                        1 above multiplier 0, -1 below, null where the operator has no multiplier (ablate)
--   layer                       decoder block whose output is steered
--   method                      how the vector was fitted
--   reached                     whether the damage reaches the level within the multipliers measured; null where the operator has none, whose damage is what it is
--   largest_damage              largest mean damage over the multipliers of that side
--   multiplier                  multiplier at which the damage first reaches the level, null where it never does
--   effect                      mean over items of logit_diff minus baseline there
--   effect_low                  lower end of its cluster-t interval by question
--   effect_high                 upper end
--   positive_fraction           share of items whose answer is the positive option there
--   effect_per_nat              side * effect / level: what a nat of damage buys
--   complete                    false where an asked measurement or text is missing
-- further columns:
--   positive_low                lower end of the interval of positive_fraction (fraction_low)
--   positive_high               upper end
--   baseline_positive_fraction  share of items whose answer is the positive option without steering
--   fit_concept                 concept the vector was fitted on
--   fit_variant                 variant it was fitted on
--   seed                        seed of the vector, null where none is used
--   norm                        how the vector was scaled
--   operator                    how it was applied
--   scope                       where it was applied to the questions; to the texts everywhere
--   split                       split that is reported
--   degenerate                  vector shorter than 1e-4 of the residual norm
--   n_items                     items behind effect, null where the level is not reached
--   n_questions                 questions they belong to
--   n_multipliers               multipliers of that side at which damage is known; 1 where the operator has none
--   run_id                      the run on the questions
--   damage_run_id               the run on the text set

with
asked as materialized (
    from asked_cards($experiment, $model, $concept, $method, $role, $layer)
    where dataset_id is not null
),

paired as materialized (
    select distinct
        asked.run_id,
        run.run_id as damage_run_id,
        evaluation.text_set_id,
        coalesce(shown_name.name || shown_name.suffix, evaluation.text_set_id) as text_set
    from asked
    inner join run as own on own.run_id = asked.run_id
    inner join run
        on
            run.vector_id = own.vector_id
            and run.operator = own.operator
            and run.parameters = own.parameters
    inner join evaluation
        on evaluation.evaluation_id = run.evaluation_id and evaluation.text_set_id is not null
    left join shown_name
        on shown_name.kind = 'text_set' and shown_name.id = evaluation.text_set_id
),

curve as (
    select
        run_id as damage_run_id,
        layer,
        sign(multiplier) as side,
        multiplier,
        avg(if($measure = 'kl', kl, cross_entropy_rise)) as damage,
        count(*) as n_texts
    from text_damage
    where multiplier <> 0 and run_id in (select damage_run_id from paired)
    group by run_id, layer, multiplier
),

reach as (
    select
        damage_run_id,
        layer,
        side,
        count(*) as n_multipliers,
        max(damage) as largest_damage,
        min(n_texts) as n_texts
    from curve
    group by damage_run_id, layer, side
),

wanted as materialized (
    select
        paired.*,
        reach.layer,
        reach.side,
        reach.n_multipliers,
        reach.largest_damage,
        reach.n_texts,
        asked_level.level,
        crossing.multiplier
    from paired
    inner join asked using (run_id)
    inner join reach using (damage_run_id)
    cross join (select unnest($levels) as level) as asked_level
    left join lateral (
        select found.multiplier
        from damage_crossing(asked_level.level, $measure) as found
        where
            found.run_id = paired.damage_run_id
            and found.layer = reach.layer
            and found.side = reach.side
    ) as crossing on true
    where is_layer(reach.layer, $layer, asked.chosen_layer)
),

answer as materialized (
    select
        sweep.run_id,
        sweep.layer,
        sweep.item_id,
        sweep.question_id,
        sweep.multiplier,
        sweep.logit_diff::double as logit_diff,
        sweep.baseline_logit_diff::double as baseline_logit_diff
    from sweep
    semi join wanted on wanted.run_id = sweep.run_id and wanted.layer = sweep.layer
    where sweep.split = $split
),

-- the two measured multipliers around the wanted one; the same twice where it is measured itself
between_two as (
    select
        wanted.run_id,
        wanted.layer,
        wanted.multiplier,
        max(grid.multiplier) filter (where grid.multiplier <= wanted.multiplier) as low,
        min(grid.multiplier) filter (where grid.multiplier >= wanted.multiplier) as high
    from (select distinct run_id, layer, multiplier from wanted) as wanted
    inner join (select distinct run_id, layer, multiplier from answer) as grid
        on grid.run_id = wanted.run_id and grid.layer = wanted.layer
    where wanted.multiplier is not null
    group by wanted.run_id, wanted.layer, wanted.multiplier
    having low is not null and high is not null
),

there as (
    select
        place.run_id,
        place.layer,
        place.multiplier,
        at_low.question_id,
        at_low.baseline_logit_diff,
        at_low.logit_diff + (at_high.logit_diff - at_low.logit_diff)
        * coalesce((place.multiplier - place.low) / nullif(place.high - place.low, 0), 0)
            as logit_diff
    from between_two as place
    inner join answer as at_low
        on
            at_low.run_id = place.run_id
            and at_low.layer = place.layer
            and at_low.multiplier = place.low
    inner join answer as at_high
        on
            at_high.run_id = place.run_id
            and at_high.layer = place.layer
            and at_high.multiplier = place.high
            and at_high.item_id = at_low.item_id
),

questions as (
    select
        run_id,
        layer,
        multiplier,
        question_id,
        count(*) as n,
        sum(logit_diff - baseline_logit_diff) as effect,
        count(*) filter (where logit_diff > 0) as positive,
        count(*) filter (where baseline_logit_diff > 0) as baseline_positive
    from there
    group by run_id, layer, multiplier, question_id
),

summary as (
    select
        run_id,
        layer,
        multiplier,
        sum(n)::bigint as n_items,
        count(*) as n_questions,
        sum(effect) / sum(n) as effect,
        cluster_standard_error(effect, n) as effect_error,
        sum(positive) / sum(n) as positive_fraction,
        effective_number(positive, n) as effective_items,
        sum(baseline_positive) / sum(n) as baseline_positive_fraction
    from questions
    group by run_id, layer, multiplier
),

t_factors as (
    select n_questions, t_factor($confidence, n_questions) as t
    from (select distinct n_questions from summary)
),

missing as (
    select run_id, layer, sum(n_missing) as n_missing
    from coverage
    where split in ($split, 'text')
    group by run_id, layer
)

select
    asked.model,
    asked.concept,
    asked.variant,
    wanted.text_set,
    wanted.level,
    if(asked.graded, wanted.side, null)::tinyint as side,
    wanted.layer,
    asked.method,
    if(asked.graded, wanted.multiplier is not null, null) as reached,
    wanted.largest_damage,
    wanted.multiplier,
    summary.effect,
    summary.effect - t_factors.t * summary.effect_error as effect_low,
    summary.effect + t_factors.t * summary.effect_error as effect_high,
    summary.positive_fraction,
    wanted.side * summary.effect / wanted.level as effect_per_nat,
    coalesce(missing.n_missing, 0) + coalesce(text_missing.n_missing, 0) = 0
    and wanted.n_texts = text_set.n_texts as complete,
    fraction_low(summary.positive_fraction, summary.effective_items, t_factors.t) as positive_low,
    fraction_high(summary.positive_fraction, summary.effective_items, t_factors.t)
        as positive_high,
    summary.baseline_positive_fraction,
    asked.fit_concept,
    asked.fit_variant,
    asked.seed,
    asked.norm,
    asked.operator,
    asked.scope,
    $split as split,
    vector_layer.degenerate,
    summary.n_items,
    summary.n_questions,
    wanted.n_multipliers,
    asked.run_id,
    wanted.damage_run_id
from wanted
inner join asked using (run_id)
inner join text_set using (text_set_id)
left join summary
    on
        summary.run_id = wanted.run_id
        and summary.layer = wanted.layer
        and summary.multiplier = wanted.multiplier
left join t_factors using (n_questions)
left join missing on missing.run_id = wanted.run_id and missing.layer = wanted.layer
left join missing as text_missing
    on text_missing.run_id = wanted.damage_run_id and text_missing.layer = wanted.layer
left join vector_layer
    on vector_layer.vector_id = asked.vector_id and vector_layer.layer = wanted.layer
order by
    asked.model, asked.concept, asked.variant, wanted.text_set, wanted.level, wanted.side desc,
    wanted.layer, asked.method, asked.fit_concept, asked.fit_variant, asked.scope, asked.seed,
    asked.run_id
