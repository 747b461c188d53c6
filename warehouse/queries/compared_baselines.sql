-- Each row of `incoming` (as baseline), and how far it lies from the row that is there; null where
-- none is.
select
    incoming.*,
    greatest(
        abs(incoming.logit_diff - stored.logit_diff),
        abs(incoming.answer_logmass - stored.answer_logmass)
    ) as difference
from incoming
left join baseline as stored
    on stored.evaluation_id = incoming.evaluation_id and stored.item_id = incoming.item_id
order by incoming.evaluation_id, incoming.item_id;
