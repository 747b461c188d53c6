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

-- The slopes that an analysis is asked about, by item. Parameters as in asked_cards; `items` says
-- which count: all, without_leaked (questions that the run's vector was fitted on),
-- without_low_confidence (labels below .8, the default of suspect_items) or without_both.
create macro asked_item_slopes(
    experiments, models, concepts, methods, asked_role, asked_split, asked_layer, bound, items := 'all'
) as table
with wanted as (
    select run_id, chosen_layer
    from asked_cards(experiments, models, concepts, methods, asked_role, asked_layer)
)

select slopes.*
from item_slope_within(bound) as slopes
inner join wanted using (run_id)
where
    slopes.split = asked_split
    and is_layer(slopes.layer, asked_layer, wanted.chosen_layer)
    and (items not in ('without_low_confidence', 'without_both') or coalesce(slopes.label_confidence, 1) >= 0.8)
    and (
        items not in ('without_leaked', 'without_both')
        or (slopes.run_id, slopes.question_id) not in (
            select (fitted_question.run_id, fitted_question.question_id)
            from fitted_question
            where items in ('without_leaked', 'without_both')
        )
    );

-- The same by question. One row per run_id, layer, question_id.
create macro asked_question_slopes(
    experiments, models, concepts, methods, asked_role, asked_split, asked_layer, bound, items := 'all'
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
    experiments, models, concepts, methods, asked_role, asked_split, asked_layer, bound, items := items
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
    experiments, models, concepts, methods, asked_role, asked_split, asked_layer, bound, confidence,
    items := 'all'
) as table
with question as materialized (
    from asked_question_slopes(
        experiments, models, concepts, methods, asked_role, asked_split, asked_layer, bound,
        items := items
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
        companion_run.companion_run_id as run_id,
        companion_run.kind
    from asked_cards(experiments, models, concepts, methods, 'fitted', asked_layer) as asked
    inner join companion_run on companion_run.run_id = asked.run_id and companion_run.role = 'null'
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

-- A vector's geometry and how its concept fares with it: what predictions over concepts are made from.
-- The gap is the mean over the other variants of the vector's steerability there minus that at home,
-- null where it was asked at home only. Several seeds are averaged. One row per model_id, dataset_id,
-- method, norm, operator, parameters, scope, fit_variant, layer (null for `best`).
create macro asked_outcomes(
    experiments, models, concepts, methods, asked_split, asked_layer, bound
) as table
with steered as materialized (
    select *
    from asked_steerability(
        experiments, models, concepts, methods, 'fitted', asked_split, asked_layer, bound, 0.95
    )
    where
        resample is null
        and fit_dataset_ids = [dataset_id]
        and len(fit_variant_ids) = 1
        and not degenerate
),

away as (
    select
        home.run_id,
        home.layer,
        avg(away.steerability - home.steerability) as gap,
        count(*) as n_away,
        bool_and(away.complete) as complete
    from steered as home
    inner join steered as away
        on
            away.vector_id = home.vector_id
            and away.model_id = home.model_id
            and away.operator = home.operator
            and away.parameters = home.parameters
            and away.scope = home.scope
            and away.layer = home.layer
            and away.fit_variant_ids <> [away.variant_id]
    where home.fit_variant_ids = [home.variant_id]
    group by home.run_id, home.layer
)

select
    home.model_id,
    any_value(home.model) as model,
    home.dataset_id,
    any_value(home.concept) as concept,
    home.method,
    home.norm,
    home.operator,
    home.parameters,
    home.scope,
    home.fit_variant,
    if(asked_layer = 'best', null, home.layer) as layer,
    avg(home.steerability) as steerability,
    avg(home.anti_steerable_fraction) as anti_steerable_fraction,
    avg(away.gap) as ood_gap,
    min(away.n_away) as n_away,
    avg(ln(nullif(geometry.relative_length, 0))) as log_relative_length,
    avg(geometry.mean_cosine) as mean_cosine,
    avg(geometry.d_prime) as d_prime,
    avg(geometry.auroc) as auroc,
    avg(geometry.overlap) as overlap,
    avg(geometry.effective_rank) as effective_rank,
    avg(geometry.replicate_cosine) as replicate_cosine,
    min(home.n_multipliers) as n_multipliers,
    bool_and(home.complete and coalesce(away.complete, true)) as complete
from steered as home
left join away using (run_id, layer)
left join vector_geometry as geometry
    on geometry.vector_id = home.vector_id and geometry.layer = home.layer
where home.fit_variant_ids = [home.variant_id]
group by
    home.model_id, home.dataset_id, home.method, home.norm, home.operator, home.parameters,
    home.scope, home.fit_variant, if(asked_layer = 'best', null, home.layer);
