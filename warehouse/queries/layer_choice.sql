-- For each of $run_ids the layer among $layers with the largest steerability on the validation
-- split, degenerate layers left out; the lower layer where two are equal: the rule of the view
-- best_layer, narrowed to the layers that an experiment names (DESIGN 3, `best`).
select s.run_id, s.layer
from steerability as s
join run as r using (run_id)
left join vector_layer as v on v.vector_id = r.vector_id and v.layer = s.layer
where s.split = 'validation'
    and s.run_id in (select unnest($run_ids::varchar[]))
    and s.layer in (select unnest($layers::integer[]))
    and not coalesce(v.degenerate, false)
    and s.steerability is not null
qualify row_number() over (partition by s.run_id order by round(s.steerability, 6) desc, s.layer) = 1
order by s.run_id;
