-- The directions of $vector_ids that are there, with what their length was made of.
select d.vector_id, d.layer, d.direction, l.raw_length, l.factor
from vector_direction as d
join vector_layer as l using (vector_id, layer)
where list_contains($vector_ids, d.vector_id)
order by d.vector_id, d.layer;
