-- Steerability, the mean slope over items, and how evenly it is spread (Tan et al. 2024,
-- section 3).
create view steerability as
with missing as (
    select run_id, split, layer, sum(n_missing) as n_missing
    from coverage
    group by run_id, split, layer
),

summary as (
    select
        run_id,
        split,
        layer,
        count(*) as n_items,
        count(distinct question_id) as n_questions,
        min(n_multipliers) as n_multipliers,
        any_value(multiplier_bound) as multiplier_bound,
        avg(slope) as steerability,
        stddev_samp(slope) as sd_slope,
        median(slope) as median_slope,
        avg(anti_steerable::integer) as anti_steerable_fraction,
        avg(unmoved::integer) as unmoved_fraction,
        1 - avg((slope > 0)::integer) as anti_steerable_fraction_tan,
        avg(r2) as r2,
        avg(baseline_logit_diff::double) as mean_baseline_logit_diff,
        any_value(slope_floor) as slope_floor
    from item_slope
    group by run_id, split, layer
)

select
    run_label.*,
    summary.split,
    summary.layer,
    coalesce(vector_layer.degenerate, false) as degenerate,
    summary.n_items,
    summary.n_questions,
    summary.n_multipliers,
    summary.multiplier_bound,
    summary.steerability,
    summary.sd_slope,
    summary.median_slope,
    summary.anti_steerable_fraction,
    summary.unmoved_fraction,
    summary.anti_steerable_fraction_tan,
    summary.r2,
    summary.mean_baseline_logit_diff,
    summary.slope_floor,
    coalesce(missing.n_missing, 0) = 0 as complete
from summary
inner join run_label using (run_id)
left join missing
    on
        missing.run_id = summary.run_id
        and missing.split = summary.split
        and missing.layer = summary.layer
left join vector_layer
    on vector_layer.vector_id = run_label.vector_id and vector_layer.layer = summary.layer;
