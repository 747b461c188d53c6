-- question: Tan et al. 2024, multiplier ablation: does the range of multipliers change the ranking of concepts?
-- grain: model, method, norm, operator, scope, layer, pair of ranges
-- source: Tan et al. 2024 (arXiv 2407.12404), appendix, make_plot_for_multiplier_ablations: slopes over
--   abs(multiplier) up to 0.5, 1 and 1.5, base -> base. Rank correlations over concepts with Bonett and
--   Wright's interval (2000); the items are the same, so they are high by construction
-- params:
--   filters
--   published   published              tan2024_headlines  what the paper found: the shipped file or one like it
--   split       train|validation|test  test  split that is reported
--   layer       layer                  null  one layer, or `best` = the one that validation chose per concept; null = each layer by itself
--   confidence  fraction               0.95  level of the intervals
--   draws       count                  null  bootstrap resamples of concepts, such as 1000; null = none: Bonett and Wright's interval alone
-- columns:
--   model             model
--   method            how the vectors were fitted
--   layer             decoder block that is steered, null for `best` (one for each concept)
--   bound_a           one range: abs(multiplier) up to this
--   bound_b           the other, wider one
--   n_concepts        concepts with slopes over both
--   spearman          rank correlation over concepts of the mean slopes
--   spearman_low      lower end of its Bonett-Wright interval
--   spearman_high     upper end
--   mean_a            mean over concepts of the mean slope over range a
--   mean_b            the same over range b
--   complete          false where an asked measurement is missing
-- further columns:
--   bootstrap_low     lower end of the percentile bootstrap interval of spearman
--   bootstrap_high    upper end
--   pearson           correlation of the mean slopes themselves
--   published_words   what the paper found
--   norm              how the vectors were scaled
--   operator          how they were applied
--   scope             where they were applied
--   split             split that is reported
--   n_multipliers     multipliers behind a slope of the narrower range (the fewest)
--   multiplier_bound  the wider range

with
fitted as materialized (
    select card.*, run.parameters
    from asked_cards($experiment, $model, $concept, $method, 'fitted', $layer) as card
    inner join run using (run_id)
    where
        card.resample is null
        and card.fit_dataset_ids = [card.dataset_id]
        and card.fit_variant = 'base'
        and card.variant = 'base'
),

slope as (
    select run_id, layer, multiplier_bound, slope, n_multipliers, split from item_slope_within(0.5)
    union all
    select run_id, layer, multiplier_bound, slope, n_multipliers, split from item_slope_within(1.0)
    union all
    select run_id, layer, multiplier_bound, slope, n_multipliers, split from item_slope_within(1.5)
),

missing as (
    from missing_of($experiment, $model, $concept, $method)
    where split = $split
),

steered as (
    select
        slope.run_id,
        slope.layer,
        slope.multiplier_bound,
        avg(slope.slope) as steerability,
        min(slope.n_multipliers) as n_multipliers
    from slope
    inner join fitted using (run_id)
    where slope.split = $split and is_layer(slope.layer, $layer, fitted.chosen_layer)
    group by slope.run_id, slope.layer, slope.multiplier_bound
),

cell as materialized (
    select
        fitted.*,
        steered.* exclude (run_id),
        coalesce(missing.n_missing, 0) = 0 as complete
    from steered
    inner join fitted using (run_id)
    left join missing on missing.run_id = steered.run_id and missing.layer = steered.layer
    anti join (from vector_layer where degenerate) as degenerate
        on degenerate.vector_id = fitted.vector_id and degenerate.layer = steered.layer
),

matched as materialized (
    select
        a.*,
        b.multiplier_bound as wider,
        b.steerability as steerability_b,
        a.complete and b.complete as both_complete,
        if($layer = 'best', null, a.layer) as shown_layer,
        dense_rank() over (
            order by
                a.model_id, a.method, a.norm, a.operator, a.parameters, a.scope,
                if($layer = 'best', null, a.layer), a.multiplier_bound, b.multiplier_bound
        ) as g
    from cell as a
    inner join cell as b
        on
            b.run_id = a.run_id
            and b.layer = a.layer
            and b.multiplier_bound > a.multiplier_bound
),

correlation as (
    from correlations(
        (
            select list({'g': g, 'c': dataset_id, 'x': steerability, 'y': steerability_b})
            from matched
        ),
        $draws,
        $confidence
    )
),

published as (
    select any_value(words) as words
    from read_csv($published, header = true, all_varchar = true)
    where quantity = 'range_spearman'
)

select
    any_value(matched.model) as model,
    matched.method,
    matched.shown_layer as layer,
    matched.multiplier_bound as bound_a,
    matched.wider as bound_b,
    any_value(correlation.n) as n_concepts,
    any_value(correlation.spearman) as spearman,
    any_value(correlation.spearman_low) as spearman_low,
    any_value(correlation.spearman_high) as spearman_high,
    avg(matched.steerability) as mean_a,
    avg(matched.steerability_b) as mean_b,
    bool_and(matched.both_complete) as complete,
    any_value(correlation.bootstrap_low) as bootstrap_low,
    any_value(correlation.bootstrap_high) as bootstrap_high,
    any_value(correlation.pearson) as pearson,
    any_value(published.words) as published_words,
    matched.norm,
    matched.operator,
    matched.scope,
    $split as split,
    min(matched.n_multipliers) as n_multipliers,
    matched.wider as multiplier_bound
from matched
inner join correlation using (g)
cross join published
group by
    matched.g, matched.method, matched.shown_layer, matched.multiplier_bound, matched.wider,
    matched.norm, matched.operator, matched.scope
order by
    model, matched.method, layer, bound_a, bound_b, matched.norm, matched.operator, matched.scope,
    matched.g
