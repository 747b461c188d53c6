-- question: Was any run measured at a layer that the model or the vector does not have?
-- grain: run, layer
-- source: a layer is a 0-based decoder block; `vector_layer` lists those of a vector (of an
--   imported one nothing is known but its measurements)
-- columns:
--   run_id    the run
--   layer     the layer
--   n_layers  decoder blocks of the model
--   lacking   model layer or vector layer

with
measured as (
    select distinct run_id, layer
    from measurement
),

judged as (
    select
        measured.run_id,
        measured.layer,
        model.n_layers,
        case
            when measured.layer >= model.n_layers then 'model layer'
            when vector_layer.layer is null and vector.method is distinct from 'imported'
                then 'vector layer'
        end as lacking
    from measured
    inner join run using (run_id)
    inner join evaluation using (evaluation_id)
    left join model using (model_id)
    left join vector on vector.vector_id = run.vector_id
    left join vector_layer
        on vector_layer.vector_id = run.vector_id and vector_layer.layer = measured.layer
)

select run_id, layer, n_layers, lacking
from judged
where lacking is not null
order by run_id, layer
