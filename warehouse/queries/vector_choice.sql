-- The layers that validation (view chosen_layer) chose for the runs of $vector_id: one, where every
-- operator and scope agree.
select distinct chosen_layer.layer
from chosen_layer
inner join run using (run_id)
where run.vector_id = $vector_id
order by chosen_layer.layer;
