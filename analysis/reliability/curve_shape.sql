-- question: What shape has the propensity curve, and how many items share it?
-- grain: run, layer
-- source: this project, the rule being the macro curve_shape (warehouse/macros/curve_shape.sql): linear
--   where a line explains .98 of the curve's variance; saturating or accelerating where it keeps its
--   direction and its outer steps are smaller or larger than its inner ones; inverted_u or u with one
--   turn of more than a tenth of its range; irregular otherwise; undetermined with fewer than 5
--   multipliers or where nothing moves. Inverted U's in the multiplier: Bas 2025 (arXiv 2511.18284)
-- params:
--   filters
--   split             train|validation|test  test    split that is reported
--   role              fitted|null|resample   fitted  vectors: fitted, resample or null
--   layer             layer                  null    one layer, or `best` = the one that validation chose; null = all
--   multiplier_bound  positive               inf     the curve over abs(multiplier) up to this
--   confidence        fraction               0.95    level of the intervals
-- columns:
--   model                  model
--   concept                concept that the questions ask about
--   variant                prompt variant they are asked under
--   method                 how the vector was fitted
--   layer                  decoder block whose output is steered
--   shape                  shape of the mean curve over items
--   turns_at               multiplier at which it turns (inverted_u and u), null for others
--   r2                     share of the mean curve's variance that a line explains
--   same_shape_fraction    share of items whose own curve has that shape
--   same_shape_low         lower end of its interval (fraction_low)
--   same_shape_high        upper end
--   linear_fraction        share of items whose own curve is linear
--   null_shape_fraction    share of the null vectors whose mean curve has that shape: most small effects
--     are linear, whatever their direction
--   nulls                  null vectors behind it, `no null` where there are none
--   complete               false where an asked measurement is missing
-- further columns:
--   linear_low             lower end of the interval of linear_fraction
--   linear_high            upper end
--   saturating_fraction    share of items of that shape
--   accelerating_fraction  share of items of that shape
--   inverted_u_fraction    share of items of that shape
--   u_fraction             share of items of that shape
--   irregular_fraction     share of items of that shape
--   undetermined_fraction  share of items of that shape
--   mean_item_r2           mean over items of the share of their own curve that a line explains
--   fit_concept            concept the vector was fitted on
--   fit_variant            variant it was fitted on
--   seed                   seed of the vector, null where none is used
--   resample               bootstrap draw of the training questions, null for the full fit
--   norm                   how the vector was scaled
--   operator               how it was applied
--   scope                  where it was applied
--   split                  split that is reported
--   n_items                items with the full curve
--   n_questions            questions they belong to
--   effective_items        items that same_shape_fraction is worth, after the design effect
--   n_multipliers          points of the curve, 0 included
--   multiplier_bound       largest abs(multiplier) of the curve
--   slope_floor            smallest slope that can be told from nothing
--   run_id                 the run

with
asked as (
    from asked_cards($experiment, $model, $concept, $method, $role, $layer)
    where graded
),

companion as (
    select asked.run_id as asked_run_id, asked.chosen_layer, companion_run.*
    from asked
    inner join companion_run using (run_id)
    where companion_run.role = 'null'
),

wanted as (
    select run_id, chosen_layer, true as reported
    from asked
    union
    select companion_run_id, chosen_layer, false as reported
    from companion
),

points as (
    select
        sweep.run_id,
        sweep.model_id,
        sweep.layer,
        sweep.item_id,
        sweep.question_id,
        sweep.multiplier,
        sweep.logit_diff::double as logit_diff,
        wanted.reported
    from sweep
    inner join wanted using (run_id)
    where
        sweep.split = $split
        and is_layer(sweep.layer, $layer, wanted.chosen_layer)
        and abs(sweep.multiplier) <= $multiplier_bound
),

mean_points as (
    select run_id, any_value(model_id) as model_id, layer, multiplier, avg(logit_diff) as logit_diff
    from points
    group by run_id, layer, multiplier
),

mean_curves as (
    select
        run_id,
        any_value(model_id) as model_id,
        layer,
        list(multiplier order by multiplier) as x,
        list(logit_diff order by multiplier) as y
    from mean_points
    group by run_id, layer
),

means as (
    select
        mean_curves.*,
        coalesce(slope_floor.slope_floor, 1e-3) as slope_floor,
        curve_shape(x, y, coalesce(slope_floor.slope_floor, 1e-3)) as shape,
        line_r2(x, y) as r2
    from mean_curves
    left join slope_floor using (model_id)
),

curves as (
    select
        run_id,
        layer,
        item_id,
        any_value(question_id) as question_id,
        list(multiplier order by multiplier) as x,
        list(logit_diff order by multiplier) as y
    from points
    where reported
    group by run_id, layer, item_id
),

items as (
    select
        curves.run_id,
        curves.layer,
        curves.question_id,
        line_r2(curves.x, curves.y) as r2,
        curve_shape(curves.x, curves.y, means.slope_floor) as shape,
        curve_shape(curves.x, curves.y, means.slope_floor) = means.shape as same
    from curves
    inner join means using (run_id, layer)
    where len(curves.x) = len(means.x)
),

questions as (
    select
        run_id,
        layer,
        question_id,
        count(*) as n,
        sum(same::integer) as same,
        sum((shape = 'linear')::integer) as linear
    from items
    group by run_id, layer, question_id
),

over_questions as (
    select
        run_id,
        layer,
        count(*) as n_questions,
        effective_number(same, n) as effective_items,
        effective_number(linear, n) as effective_linear
    from questions
    group by run_id, layer
),

over_items as (
    select
        run_id,
        layer,
        count(*) as n_items,
        avg(r2) as mean_item_r2,
        avg(same::integer) as same_shape_fraction,
        avg((shape = 'linear')::integer) as linear_fraction,
        avg((shape = 'saturating')::integer) as saturating_fraction,
        avg((shape = 'accelerating')::integer) as accelerating_fraction,
        avg((shape = 'inverted_u')::integer) as inverted_u_fraction,
        avg((shape = 'u')::integer) as u_fraction,
        avg((shape = 'irregular')::integer) as irregular_fraction,
        avg((shape = 'undetermined')::integer) as undetermined_fraction
    from items
    group by run_id, layer
),

t_factors as (
    select n_questions, t_factor($confidence, n_questions) as t_factor
    from (select distinct n_questions from over_questions)
),

nulls as (
    select
        companion.asked_run_id as run_id,
        means.layer,
        count(*) as n,
        avg((beside.shape = means.shape)::integer) as null_shape_fraction
    from companion
    inner join means as beside on beside.run_id = companion.companion_run_id
    inner join means
        on
            means.run_id = companion.asked_run_id
            and means.layer = beside.layer
            and means.x = beside.x
    group by companion.asked_run_id, means.layer
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
    means.layer,
    means.shape,
    case means.shape
        when 'inverted_u' then means.x[list_position(means.y, list_max(means.y))]
        when 'u' then means.x[list_position(means.y, list_min(means.y))]
    end as turns_at,
    means.r2,
    over_items.same_shape_fraction,
    fraction_low(same_shape_fraction, effective_items, t_factor) as same_shape_low,
    fraction_high(same_shape_fraction, effective_items, t_factor) as same_shape_high,
    over_items.linear_fraction,
    nulls.null_shape_fraction,
    coalesce(nulls.n || ' nulls', 'no null') as nulls,
    coalesce(missing.n_missing, 0) = 0 as complete,
    fraction_low(linear_fraction, effective_linear, t_factor) as linear_low,
    fraction_high(linear_fraction, effective_linear, t_factor) as linear_high,
    over_items.saturating_fraction,
    over_items.accelerating_fraction,
    over_items.inverted_u_fraction,
    over_items.u_fraction,
    over_items.irregular_fraction,
    over_items.undetermined_fraction,
    over_items.mean_item_r2,
    asked.fit_concept,
    asked.fit_variant,
    asked.seed,
    asked.resample,
    asked.norm,
    asked.operator,
    asked.scope,
    $split as split,
    over_items.n_items,
    over_questions.n_questions,
    over_questions.effective_items,
    len(means.x) as n_multipliers,
    greatest(abs(means.x[1]), abs(means.x[-1])) as multiplier_bound,
    means.slope_floor,
    asked.run_id
from asked
inner join means using (run_id)
inner join over_items using (run_id, layer)
inner join over_questions using (run_id, layer)
inner join t_factors using (n_questions)
left join nulls using (run_id, layer)
left join missing using (run_id, layer)
order by
    asked.model, asked.concept, asked.method, asked.fit_variant, asked.variant, means.layer,
    asked.scope, asked.seed, asked.resample, asked.run_id
