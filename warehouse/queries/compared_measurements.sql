-- Each row of `incoming` (as measurement), and how far it lies from the row that is there; null
-- where none is.
select
    incoming.*,
    greatest(
        abs(incoming.logit_diff - stored.logit_diff),
        abs(incoming.answer_logmass - stored.answer_logmass)
    ) as difference
from incoming
left join measurement as stored
    on
        stored.run_id = incoming.run_id
        and stored.item_id = incoming.item_id
        and stored.layer = incoming.layer
        and stored.multiplier = incoming.multiplier
order by incoming.layer, incoming.multiplier, incoming.item_id;
