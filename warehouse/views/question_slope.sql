-- Slopes by question: the unit that is drawn, so what intervals are computed from.
create view question_slope as
select
    run_id,
    split,
    layer,
    question_id,
    count(*) as n_items,
    min(n_multipliers) as n_multipliers,
    any_value(multiplier_bound) as multiplier_bound,
    sum(slope) as total_slope,
    sum(anti_steerable::integer)::bigint as n_anti_steerable,
    sum(unmoved::integer)::bigint as n_unmoved
from item_slope
group by run_id, split, layer, question_id;

-- The slopes that an analysis is asked about, by item. Parameters as in asked_cards.
create macro asked_item_slopes(
    experiments, models, concepts, methods, asked_role, asked_split, asked_layer, bound
) as table
with wanted as (
    select run_id, chosen_layer
    from asked_cards(experiments, models, concepts, methods, asked_role, asked_layer)
)

select slopes.*
from item_slope_within(bound) as slopes
inner join wanted using (run_id)
where slopes.split = asked_split and is_layer(slopes.layer, asked_layer, wanted.chosen_layer);

-- The same by question. One row per run_id, layer, question_id.
create macro asked_question_slopes(
    experiments, models, concepts, methods, asked_role, asked_split, asked_layer, bound
) as table
select
    run_id,
    layer,
    question_id,
    count(*) as n,
    sum(slope) as slope,
    sum(anti_steerable::integer) as anti_steerable,
    sum((slope > 0)::integer) as positive,
    min(n_multipliers) as n_multipliers
from asked_item_slopes(
    experiments, models, concepts, methods, asked_role, asked_split, asked_layer, bound
)
group by run_id, layer, question_id;

-- What was asked of a run and is not there. One row per run_id, split, layer.
create macro missing_of(experiments, models, concepts, methods) as table
select run_id, split, layer, sum(n_missing) as n_missing
from coverage
where run_id in (from asked_runs(experiments, models, concepts, methods))
group by run_id, split, layer;

-- The steerability that an analysis is asked about, with its intervals by question (cluster t for
-- the mean, Wilson on effective items for the fractions). One row per run_id, layer.
create macro asked_steerability(
    experiments, models, concepts, methods, asked_role, asked_split, asked_layer, bound, confidence
) as table
with question as materialized (
    from asked_question_slopes(
        experiments, models, concepts, methods, asked_role, asked_split, asked_layer, bound
    )
),

summary as (
    select
        run_id,
        layer,
        sum(n)::bigint as n_items,
        count(*) as n_questions,
        min(n_multipliers) as n_multipliers,
        sum(slope) / sum(n) as steerability,
        cluster_standard_error(slope, n) as standard_error,
        sum(anti_steerable) / sum(n) as anti_steerable_fraction,
        effective_number(anti_steerable, n) as effective_items,
        1 - sum(positive) / sum(n) as anti_steerable_fraction_tan,
        effective_number(n - positive, n) as effective_items_tan
    from question
    group by run_id, layer
),

factor as (
    select n_questions, t_factor(confidence, n_questions) as t_factor
    from (select distinct n_questions from summary)
)

select
    card.*,
    run.parameters,
    asked_split as split,
    summary.layer,
    coalesce(vector_layer.degenerate, false) as degenerate,
    summary.n_items,
    summary.n_questions,
    summary.n_multipliers,
    bound::double as multiplier_bound,
    factor.t_factor,
    summary.steerability,
    summary.standard_error,
    summary.steerability - factor.t_factor * summary.standard_error as steerability_low,
    summary.steerability + factor.t_factor * summary.standard_error as steerability_high,
    summary.anti_steerable_fraction,
    wilson_low(summary.anti_steerable_fraction, summary.effective_items, confidence)
        as anti_steerable_low,
    wilson_high(summary.anti_steerable_fraction, summary.effective_items, confidence)
        as anti_steerable_high,
    summary.anti_steerable_fraction_tan,
    wilson_low(summary.anti_steerable_fraction_tan, summary.effective_items_tan, confidence)
        as anti_steerable_tan_low,
    wilson_high(summary.anti_steerable_fraction_tan, summary.effective_items_tan, confidence)
        as anti_steerable_tan_high,
    coalesce(missing.n_missing, 0) = 0 as complete
from summary
inner join factor using (n_questions)
inner join asked_cards(experiments, models, concepts, methods, asked_role, asked_layer) as card
    using (run_id)
inner join run using (run_id)
left join missing_of(experiments, models, concepts, methods) as missing
    on
        missing.run_id = summary.run_id
        and missing.split = asked_split
        and missing.layer = summary.layer
left join vector_layer
    on vector_layer.vector_id = card.vector_id and vector_layer.layer = summary.layer;

-- How far the null vectors of the asked runs move the same questions. One row per run_id, layer,
-- kind, n_items, n_multipliers; a null measured on fewer items is no yardstick, so join on both.
create macro asked_nulls(experiments, models, concepts, methods, asked_split, asked_layer, bound)
as table
with null_run as (
    select
        asked.run_id as asked_run_id,
        asked.chosen_layer,
        run.run_id,
        vector.method as kind
    from asked_cards(experiments, models, concepts, methods, 'fitted', asked_layer) as asked
    inner join vector on vector.parent_vector_id = asked.vector_id and vector.role = 'null'
    inner join run as asked_run on asked_run.run_id = asked.run_id
    inner join run
        on
            run.vector_id = vector.vector_id
            and run.evaluation_id = asked_run.evaluation_id
            and run.operator = asked_run.operator
            and run.parameters = asked_run.parameters
            and run.scope = asked_run.scope
),

moved as (
    select
        null_run.asked_run_id as run_id,
        null_run.kind,
        slopes.run_id as null_run_id,
        slopes.layer,
        count(*) as n_items,
        min(slopes.n_multipliers) as n_multipliers,
        avg(slopes.slope) as steerability
    from item_slope_within(bound) as slopes
    inner join null_run using (run_id)
    where slopes.split = asked_split and is_layer(slopes.layer, asked_layer, null_run.chosen_layer)
    group by null_run.asked_run_id, null_run.kind, slopes.run_id, slopes.layer
)

select
    run_id,
    layer,
    kind,
    n_items,
    n_multipliers,
    count(*) as n,
    avg(steerability) as mean,
    stddev_samp(steerability) as sd
from moved
group by run_id, layer, kind, n_items, n_multipliers;
