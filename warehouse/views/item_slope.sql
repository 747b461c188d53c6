-- One item's propensity curve as a straight line: ordinary least squares of the logit difference
-- on the multiplier over abs(multiplier) <= bound, at least 3 points (Tan et al. 2024, section 3:
-- np.polyfit of degree 1 per item). The steered points are summed first, then the unsteered one is
-- added by the update formulas of Welford (1962) to spare a join of the whole fact table. With
-- `multipliers` only these of the steered ones count.
create macro item_slope_within(bound, multipliers := null) as table
with steered as (
    select
        run_id,
        item_id,
        layer,
        count(*) as n,
        count(*) filter (where multiplier = 0) = 0 as lacks_zero,
        avg(multiplier) as mean_x,
        avg(logit_diff::double) as mean_y,
        count(*) * var_pop(multiplier) as sxx,
        count(*) * covar_pop(logit_diff::double, multiplier) as sxy,
        count(*) * var_pop(logit_diff::double) as syy
    from measurement
    where
        abs(multiplier) <= bound
        and (multipliers is null or list_contains(multipliers, multiplier))
    group by run_id, item_id, layer
),

described as (
    select
        steered.*,
        run_card.* exclude (run_id),
        baseline.logit_diff as baseline_logit_diff,
        if(
            run_card.identity_at_zero and steered.lacks_zero,
            baseline.logit_diff::double,
            null
        ) as zero
    from steered
    inner join run_card using (run_id)
    left join baseline
        on baseline.evaluation_id = run_card.evaluation_id and baseline.item_id = steered.item_id
    where run_card.identity_at_zero or run_card.graded
),

complete as (
    select
        * exclude (n, mean_x, mean_y, sxx, sxy, syy),
        if(zero is null, n, n + 1) as n,
        if(zero is null, mean_x, mean_x * n / (n + 1)) as mean_x,
        if(zero is null, mean_y, mean_y + (zero - mean_y) / (n + 1)) as mean_y,
        if(zero is null, sxx, sxx + mean_x * mean_x * n / (n + 1)) as sxx,
        if(zero is null, sxy, sxy + mean_x * (mean_y - zero) * n / (n + 1)) as sxy,
        if(zero is null, syy, syy + (mean_y - zero) * (mean_y - zero) * n / (n + 1)) as syy
    from described
),

line as (
    select
        *,
        sxy / sxx as slope,
        mean_y - sxy / sxx * mean_x as intercept,
        if(syy > 0, least(1, sxy * sxy / (sxx * syy)), null) as r2
    from complete
    where n >= 3 and sxx > 0
)

select
    line.run_id,
    line.evaluation_id,
    line.vector_id,
    line.model_id,
    line.dataset_id,
    line.variant_id,
    line.model,
    line.concept,
    line.variant,
    line.method,
    line.fit_concept,
    line.fit_variant,
    line.role,
    line.seed,
    line.resample,
    line.norm,
    line.operator,
    line.scope,
    split_item.split,
    line.layer,
    line.item_id,
    item.question_id,
    item.option_order,
    item.positive_option,
    item.positive_answer,
    split_item.label_confidence,
    split_item.copies,
    line.n as n_multipliers,
    bound::double as multiplier_bound,
    line.slope,
    line.intercept,
    line.r2,
    line.baseline_logit_diff,
    coalesce(slope_floor.slope_floor, 1e-3) as slope_floor,
    line.slope <= -coalesce(slope_floor.slope_floor, 1e-3) as anti_steerable,
    abs(line.slope) < coalesce(slope_floor.slope_floor, 1e-3) as unmoved
from line
inner join split_item
    on split_item.dataset_id = line.dataset_id and split_item.item_id = line.item_id
left join item on item.item_id = line.item_id
left join slope_floor on slope_floor.model_id = line.model_id
where
    not split_item.leaked
    or exists (
        select 1
        from cell
        where
            cell.run_id = line.run_id
            and cell.split = split_item.split
            and cell.layer = line.layer
    );

create view item_slope as
from item_slope_within(1.5);
