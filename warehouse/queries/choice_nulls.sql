-- How each choice of a layer stands beside its null vectors at that layer: for each of $run_ids (with
-- its chosen layer in $layers and its validation steerability in $slopes) and kind of null vector the
-- number of them and the two-sided p of the t prediction. Null vectors are measured on the
-- reported splits. p is null where fewer than two were measured, or they do not differ.
with chosen as (
    select
        unnest($run_ids::varchar[]) as run_id,
        unnest($layers::smallint[]) as layer,
        unnest($slopes::double[]) as slope
),

null_run as (
    select
        chosen.run_id as chosen_run_id,
        chosen.layer,
        companion_run.kind,
        companion_run.companion_run_id as run_id
    from chosen
    inner join companion_run using (run_id)
    where companion_run.role = 'null'
),

null_slope as (
    select null_run.chosen_run_id, null_run.kind, s.run_id, avg(s.slope) as slope
    from item_slope_within(1.5, multipliers := $multipliers::double[]) as s
    inner join null_run using (run_id, layer)
    where s.run_id in (select run_id from null_run)
    group by null_run.chosen_run_id, null_run.kind, s.run_id
),

spread as (
    select
        chosen_run_id as run_id,
        kind,
        count(*) as n,
        avg(slope) as mean,
        stddev_samp(slope) as sd
    from null_slope
    group by chosen_run_id, kind
)

select run_id, kind, n, prediction_p(chosen.slope, mean, sd, n) as p
from spread
inner join chosen using (run_id)
order by run_id, kind;
