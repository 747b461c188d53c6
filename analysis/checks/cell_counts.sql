-- question: Does a finished block hold as many measurements as it says?
-- grain: run, layer, multiplier, split
-- source: the warehouse: `cell` is the book of finished blocks, n_items the items measured
-- columns:
--   run_id      the run
--   layer       the layer
--   multiplier  the multiplier
--   split       the split, null where measurements have no finished block at all
--   n_booked    items of the finished blocks
--   n_measured  items measured

with
booked as (
    select run_id, layer, multiplier, split, sum(n_items) as n
    from cell
    group by run_id, layer, multiplier, split
),

measured as (
    select
        measurement.run_id,
        measurement.layer,
        measurement.multiplier,
        split_item.split,
        count(*) as n
    from measurement
    inner join run using (run_id)
    inner join evaluation using (evaluation_id)
    inner join split_item
        on
            split_item.dataset_id = evaluation.dataset_id
            and split_item.item_id = measurement.item_id
    group by measurement.run_id, measurement.layer, measurement.multiplier, split_item.split
    union all
    select run_id, layer, multiplier, 'text', count(*)
    from damage
    group by run_id, layer, multiplier
),

compared as (
    select
        booked.run_id,
        booked.layer,
        booked.multiplier,
        booked.split,
        booked.n::bigint as n_booked,
        coalesce(measured.n, 0) as n_measured
    from booked
    left join run using (run_id)
    left join measured using (run_id, layer, multiplier, split)
    where booked.multiplier <> 0 or not coalesce(run.identity_at_zero, false)
    union all
    select run_id, layer, multiplier, null, 0, max(n)
    from measured
    anti join booked using (run_id, layer, multiplier)
    group by run_id, layer, multiplier
)

select run_id, layer, multiplier, split, n_booked, n_measured
from compared
where n_measured <> n_booked
order by run_id, layer, multiplier, split
