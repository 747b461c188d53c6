-- Every vector by id and by name, with its layers: fitted ones, nulls and resamples. One row per
-- vector_id.
with first_name as (
    select kind, id, min(name) as name, list_sort(list(distinct name)) as names
    from name
    group by kind, id
),

layer as (
    select
        vector_id,
        list_sort(list(layer)) as layers,
        list_sort(coalesce(list(layer) filter (degenerate), [])) as degenerate
    from vector_layer
    semi join vector_direction using (vector_id, layer)
    group by vector_id
)

select
    vector.vector_id,
    coalesce(model_name.name, model.source, vector.model_id) as model,
    fit.fit_concept as concept,
    coalesce(method.name, vector.method) as method,
    fit.fit_variant,
    vector.norm,
    vector.role,
    layer.layers,
    vector.model_id,
    model.architecture,
    coalesce(method.names, [vector.method]) as method_names,
    layer.degenerate
from vector
inner join layer using (vector_id)
left join model using (model_id)
left join fit_card as fit using (vector_id)
left join first_name as model_name
    on model_name.kind = 'model' and model_name.id = vector.model_id
left join first_name as method
    on method.kind = 'method' and method.id = vector.vector_id
order by model, concept, method, fit_variant, vector.norm, vector.vector_id;
