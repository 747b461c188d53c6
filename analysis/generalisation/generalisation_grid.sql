-- question: How far does a vector fitted under one prompt variant steer the questions asked under another?
-- grain: run, layer: every fit variant x evaluation variant
-- source: Tan et al. 2024 (arXiv 2407.12404), section 5, with intervals by question and nulls
-- params:
--   filters
--   split             train|validation|test  test    split that is reported
--   layer             layer                  null    one layer, or `best` = the one that validation chose; null = all
--   multiplier_bound  positive               1.5     slopes are fitted over abs(multiplier) up to this
--   confidence        fraction               0.95    level of the intervals
-- columns:
--   model                    model
--   concept                  concept that is fitted on and asked about
--   method                   how the vector was fitted
--   layer                    decoder block whose output is steered
--   fit_variant              variant the vector was fitted on; null where that is nothing, as of files and of
--     features that a spec names
--   variant                  variant the questions are asked under
--   in_distribution          whether they are the same, null likewise
--   steerability             mean slope over items, logits per multiplier
--   steerability_low         lower end of its cluster-t interval by question
--   steerability_high        upper end
--   anti_steerable_fraction  share of items with slope <= -slope_floor
--   nulls                    null vectors measured on the same items, `no null` where there are none
--   null_p                   the larger p against random and label-shuffled vectors
--   null_q                   its Benjamini-Hochberg q over this table
--   complete                 false where an asked measurement is missing
-- further columns:
--   anti_steerable_low       lower end of its Wilson interval on effective items
--   anti_steerable_high      upper end
--   degenerate               vector shorter than 1e-4 of the residual norm
--   random_p                 two-sided p by the t prediction from random vectors
--   label_shuffled_p         the same from label-shuffled vectors
--   seed                     seed of the vector, null where none is used
--   norm                     how the vector was scaled
--   operator                 how it was applied
--   scope                    where it was applied
--   split                    split that is reported
--   n_items                  items with a slope
--   n_questions              questions they belong to
--   n_multipliers            multipliers behind a slope (the fewest over items)
--   multiplier_bound         slopes are fitted over abs(multiplier) up to this
--   standard_error           standard error of steerability, CR1 by question
--   run_id                   the run

with
grid as materialized (
    select *
    from asked_steerability(
        $experiment, $model, $concept, $method, 'fitted', $split, $layer, $multiplier_bound,
        $confidence
    )
    where
        resample is null
        and (fit_dataset_ids is null or fit_dataset_ids = [dataset_id])
),

null_p as (
    select
        grid.run_id,
        grid.layer,
        nulls.kind,
        nulls.n,
        prediction_p(grid.steerability, nulls.mean, nulls.sd, nulls.n) as p
    from grid
    inner join asked_nulls(
        $experiment, $model, $concept, $method, $split, $layer, $multiplier_bound
    ) as nulls using (run_id, layer, n_items, n_multipliers)
),

nulls as (
    select
        run_id,
        layer,
        string_agg(n || ' ' || kind, ', ' order by kind desc) as nulls,
        max(p) filter (where kind = 'random') as random_p,
        max(p) filter (where kind = 'label_shuffled') as label_shuffled_p,
        max(p) as p
    from null_p
    group by run_id, layer
),

family as (
    select id.*, q
    from q_values((
        select list({'id': {'run_id': run_id, 'layer': layer}, 'family': 0, 'p': p})
        from nulls
    ))
)

select
    grid.model,
    grid.concept,
    grid.method,
    grid.layer,
    grid.fit_variant,
    grid.variant,
    grid.fit_variant_ids = [grid.variant_id] as in_distribution,
    grid.steerability,
    grid.steerability_low,
    grid.steerability_high,
    grid.anti_steerable_fraction,
    coalesce(nulls.nulls, 'no null') as nulls,
    nulls.p as null_p,
    family.q as null_q,
    grid.complete,
    grid.anti_steerable_low,
    grid.anti_steerable_high,
    grid.degenerate,
    nulls.random_p,
    nulls.label_shuffled_p,
    grid.seed,
    grid.norm,
    grid.operator,
    grid.scope,
    grid.split,
    grid.n_items,
    grid.n_questions,
    grid.n_multipliers,
    grid.multiplier_bound,
    grid.standard_error,
    grid.run_id
from grid
left join nulls using (run_id, layer)
left join family on family.run_id = grid.run_id and family.layer = grid.layer
order by
    grid.model, grid.concept, grid.method, grid.layer, grid.fit_variant, grid.variant, grid.scope,
    grid.seed, grid.run_id
