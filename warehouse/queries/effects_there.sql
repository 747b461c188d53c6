-- The features whose effects are rows, of the runs $run_ids.
select run_id, layer, multiplier, sae_id, stream, list(feature)
from feature_effect
where list_contains($run_ids, run_id)
group by all
order by all;
