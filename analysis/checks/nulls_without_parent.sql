-- question: Does any null vector lack the fitted vector that it is a null of?
-- grain: vector
-- source: this project: a null is scaled as, and compared with, one fitted vector
-- columns:
--   vector_id         the null vector
--   method            its kind
--   parent_vector_id  the vector it names, null where it names none

select
    null_vector.vector_id,
    null_vector.method,
    null_vector.parent_vector_id
from vector as null_vector
left join vector as parent
    on parent.vector_id = null_vector.parent_vector_id and parent.model_id = null_vector.model_id
where null_vector.role = 'null' and parent.vector_id is null
order by null_vector.vector_id
