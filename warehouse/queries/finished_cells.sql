-- The blocks of $split that are done, for the runs $run_ids.
select run_id, layer, multiplier, block, n_items
from cell
where list_contains($run_ids, run_id) and split = $split
order by run_id, layer, multiplier, block;
