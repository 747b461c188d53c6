-- question: Is any measurement stored twice?
-- grain: run, item, layer, multiplier
-- source: the warehouse: a measurement is run x item x layer x multiplier
-- columns:
--   run_id      the run
--   item_id     the item
--   layer       the layer
--   multiplier  the multiplier
--   copies      rows that share this key

select
    run_id,
    item_id,
    layer,
    multiplier,
    count(*) as copies
from measurement
group by run_id, item_id, layer, multiplier
having count(*) > 1
order by run_id, item_id, layer, multiplier
