-- The stored number of one run, item, layer and multiplier; multiplier 0 is the unsteered one.
select m.logit_diff
from measurement as m
where m.run_id = $run_id
    and m.item_id = $item_id
    and m.layer = $layer
    and m.multiplier = $multiplier
union all
select b.logit_diff
from baseline as b
join run as r using (evaluation_id)
where r.run_id = $run_id
    and b.item_id = $item_id
    and $multiplier = 0
    and r.identity_at_zero;
