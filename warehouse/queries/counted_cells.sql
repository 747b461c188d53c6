-- The cells that rows of `incoming` (as measurement) belong to, with their items when both what is
-- there and what comes in is counted.
with touched as (
    select distinct run_id, layer, multiplier
    from incoming
),

item as (
    select run_id, layer, multiplier, item_id
    from incoming
    union
    select measurement.run_id, measurement.layer, measurement.multiplier, measurement.item_id
    from measurement
    semi join touched
        on
            touched.run_id = measurement.run_id
            and touched.layer = measurement.layer
            and touched.multiplier = measurement.multiplier
)

select run_id, layer, multiplier, count(*)::integer as n_items
from item
group by run_id, layer, multiplier
order by run_id, layer, multiplier;
