-- question: Does a name stand for nothing, or does anything lack a name?
-- grain: kind, id
-- source: the warehouse: `name` holds every name by which an id was asked for
-- columns:
--   kind     model, concept, variant or method
--   id       the id
--   name     the name that stands for nothing, null where a name is lacking
--   lacking  row or name

with
bearer as (
    select 'model' as kind, model_id as id
    from model
    union all
    select 'concept', dataset_id
    from dataset
    union all
    select 'variant', variant_id
    from variant
    union all
    select 'method', vector_id
    from vector
    union all
    select 'text_set', text_set_id
    from text_set
),

judged as (
    select name.kind, name.id, name.name, 'row' as lacking
    from name
    anti join bearer on bearer.kind = name.kind and bearer.id = name.id
    union all
    select bearer.kind, bearer.id, null, 'name'
    from bearer
    anti join name on name.kind = bearer.kind and name.id = bearer.id
)

select kind, id, name, lacking
from judged
order by kind, id, name
