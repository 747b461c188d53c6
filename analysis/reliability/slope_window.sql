-- question: Does the range of multipliers decide the answer?
-- grain: run, layer
-- source: Tan et al. 2024 (arXiv 2407.12404), appendix on multiplier ranges (0.5, 1, 1.5); the share by
--   letter beside it because the range changes it most
-- params:
--   filters
--   split  train|validation|test  test    split that is reported
--   role   fitted|null|resample   fitted  vectors: fitted, resample or null
--   layer  layer                  null    one layer, or `best` = the one that validation chose; null = all
-- columns:
--   model                            model
--   concept                          concept that the questions ask about
--   variant                          prompt variant they are asked under
--   method                           how the vector was fitted
--   layer                            decoder block whose output is steered
--   steerability_0_5                 mean slope over abs(multiplier) <= 0.5, null below 3 multipliers
--   steerability_1                   the same up to 1
--   steerability_1_5                 the same up to 1.5
--   steerability_all                 the same over all multipliers
--   anti_steerable_fraction_0_5      share of items with slope <= -slope_floor, up to 0.5
--   anti_steerable_fraction_1        the same up to 1
--   anti_steerable_fraction_1_5      the same up to 1.5
--   anti_steerable_fraction_all      the same over all multipliers
--   complete                         false where an asked measurement is missing
-- further columns:
--   letter_share_0_5                 share of slope variance by positive_option alone, up to 0.5; null
--     for answers without letters, and where slopes do not differ
--   letter_share_1                   the same up to 1
--   letter_share_1_5                 the same up to 1.5
--   letter_share_all                 the same over all multipliers
--   r2_0_5                           mean share of an item's curve that its line explains, up to 0.5
--   r2_1                             the same up to 1
--   r2_1_5                           the same up to 1.5
--   r2_all                           the same over all multipliers
--   n_multipliers_0_5                multipliers behind a slope up to 0.5 (the fewest over items)
--   n_multipliers_1                  the same up to 1
--   n_multipliers_1_5                the same up to 1.5
--   n_multipliers_all                the same over all multipliers
--   fit_concept                      concept the vector was fitted on
--   fit_variant                      variant it was fitted on
--   seed                             seed of the vector, null where none is used
--   norm                             how the vector was scaled
--   operator                         how it was applied
--   scope                            where it was applied
--   split                            split that is reported
--   n_items                          items with a slope, in the widest range
--   run_id                           the run

with
asked as (
    from asked_cards($experiment, $model, $concept, $method, $role, $layer)
),

slopes as (
    from item_slope_within(0.5)
    union all
    from item_slope_within(1)
    union all
    from item_slope_within(1.5)
    union all
    from item_slope_within('inf'::double)
),

windows as (
    select
        slopes.run_id,
        slopes.layer,
        slopes.multiplier_bound as bound,
        count(*) as n_items,
        min(n_multipliers) as n_multipliers,
        avg(slope) as steerability,
        avg(anti_steerable::integer) as anti_steerable_fraction,
        avg(r2) as r2,
        if(
            any_value(dataset.answer_format) = 'letter',
            variance_share(slope, positive_option, slope_floor),
            null
        ) as letter_share
    from slopes
    inner join asked using (run_id)
    inner join dataset on dataset.dataset_id = asked.dataset_id
    where slopes.split = $split and is_layer(slopes.layer, $layer, asked.chosen_layer)
    group by slopes.run_id, slopes.layer, slopes.multiplier_bound
),

side_by_side as (
    select
        run_id,
        layer,
        max(n_items) as n_items,
        max(steerability) filter (where bound = 0.5) as steerability_0_5,
        max(steerability) filter (where bound = 1) as steerability_1,
        max(steerability) filter (where bound = 1.5) as steerability_1_5,
        max(steerability) filter (where isinf(bound)) as steerability_all,
        max(anti_steerable_fraction) filter (where bound = 0.5) as anti_steerable_fraction_0_5,
        max(anti_steerable_fraction) filter (where bound = 1) as anti_steerable_fraction_1,
        max(anti_steerable_fraction) filter (where bound = 1.5) as anti_steerable_fraction_1_5,
        max(anti_steerable_fraction) filter (where isinf(bound)) as anti_steerable_fraction_all,
        max(letter_share) filter (where bound = 0.5) as letter_share_0_5,
        max(letter_share) filter (where bound = 1) as letter_share_1,
        max(letter_share) filter (where bound = 1.5) as letter_share_1_5,
        max(letter_share) filter (where isinf(bound)) as letter_share_all,
        max(r2) filter (where bound = 0.5) as r2_0_5,
        max(r2) filter (where bound = 1) as r2_1,
        max(r2) filter (where bound = 1.5) as r2_1_5,
        max(r2) filter (where isinf(bound)) as r2_all,
        max(n_multipliers) filter (where bound = 0.5) as n_multipliers_0_5,
        max(n_multipliers) filter (where bound = 1) as n_multipliers_1,
        max(n_multipliers) filter (where bound = 1.5) as n_multipliers_1_5,
        max(n_multipliers) filter (where isinf(bound)) as n_multipliers_all
    from windows
    group by run_id, layer
),

missing as (
    select run_id, layer, sum(n_missing) as n_missing
    from coverage
    where split = $split and run_id in (select run_id from asked)
    group by run_id, layer
)

select
    asked.model,
    asked.concept,
    asked.variant,
    asked.method,
    side_by_side.layer,
    side_by_side.steerability_0_5,
    side_by_side.steerability_1,
    side_by_side.steerability_1_5,
    side_by_side.steerability_all,
    side_by_side.anti_steerable_fraction_0_5,
    side_by_side.anti_steerable_fraction_1,
    side_by_side.anti_steerable_fraction_1_5,
    side_by_side.anti_steerable_fraction_all,
    coalesce(missing.n_missing, 0) = 0 as complete,
    side_by_side.letter_share_0_5,
    side_by_side.letter_share_1,
    side_by_side.letter_share_1_5,
    side_by_side.letter_share_all,
    side_by_side.r2_0_5,
    side_by_side.r2_1,
    side_by_side.r2_1_5,
    side_by_side.r2_all,
    side_by_side.n_multipliers_0_5,
    side_by_side.n_multipliers_1,
    side_by_side.n_multipliers_1_5,
    side_by_side.n_multipliers_all,
    asked.fit_concept,
    asked.fit_variant,
    asked.seed,
    asked.norm,
    asked.operator,
    asked.scope,
    $split as split,
    side_by_side.n_items,
    asked.run_id
from asked
inner join side_by_side using (run_id)
left join missing using (run_id, layer)
order by
    asked.model, asked.concept, asked.method, asked.fit_variant, asked.variant, side_by_side.layer,
    asked.scope, asked.seed, asked.run_id
