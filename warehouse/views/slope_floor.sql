-- The smallest slope that can be told from nothing, per model: three times the largest
-- error that `--verify` found in one logit difference, carried into a slope, and 1e-3 at least. An
-- error of at most e in every point moves a slope by at most e * sum|x - mean| / sum (x - mean)^2;
-- the factor is the largest over the grids of multipliers that were swept. In half precision the
-- model's own rounding is an error too: what its effect (steered minus unsteered, for a slope does
-- not see what all points share) differs by from a float32 copy's is added to that of the path.
-- Rows that a router of experts sent elsewhere (outlier) are no rounding, and left out.
create view slope_floor as
with point as (
    select distinct
        evaluation.model_id,
        cell.run_id,
        cell.layer,
        unnest(if(run.identity_at_zero, [cell.multiplier, 0], [cell.multiplier])) as multiplier
    from cell
    inner join run using (run_id)
    inner join evaluation using (evaluation_id)
    where abs(cell.multiplier) <= 1.5
),

centred as (
    select
        model_id,
        run_id,
        layer,
        multiplier - avg(multiplier) over (partition by run_id, layer) as distance
    from point
),

grid as (
    select model_id, sum(abs(distance)) / sum(distance * distance) as factor
    from centred
    group by model_id, run_id, layer
    having count(*) >= 3
),

amplification as (
    select model_id, max(factor) as factor
    from grid
    group by model_id
),

error as (
    select
        evaluation.model_id,
        max(
            abs(verification.logit_diff - verification.reference)
            + coalesce(
                abs(
                    (verification.reference - verification.reference_unsteered)
                    - (verification.float32 - verification.float32_unsteered)
                ),
                0
            )
        ) as error
    from verification
    inner join run using (run_id)
    inner join evaluation using (evaluation_id)
    where
        isfinite(verification.logit_diff)
        and isfinite(verification.reference)
        and not coalesce(verification.outlier, false)
    group by evaluation.model_id
)

select
    model.model_id,
    error.error as largest_error,
    amplification.factor,
    greatest(1e-3, 3 * coalesce(error.error, 0) * coalesce(amplification.factor, 1)) as slope_floor
from (select distinct model_id from model) as model
left join error using (model_id)
left join amplification using (model_id);
