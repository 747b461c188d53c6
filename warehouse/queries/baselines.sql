-- The unsteered answers that are there for $evaluation_id.
select item_id, logit_diff, answer_logmass
from baseline
where evaluation_id = $evaluation_id
order by item_id;
