-- Everything known about a run, by id and by name. Facts are joined with this one small relation
-- and never with `name`; an id without a name shows what the id's own table calls it.
create view run_card as
with first_name as (
    select kind, id, min(name) as name
    from name
    group by kind, id
)

select
    run.run_id,
    run.evaluation_id,
    run.vector_id,
    evaluation.model_id,
    evaluation.dataset_id,
    evaluation.variant_id,
    coalesce(model_name.name, model.source, evaluation.model_id) as model,
    coalesce(concept.name, evaluation.dataset_id) as concept,
    coalesce(variant.name, evaluation.variant_id) as variant,
    coalesce(method.name, vector.method) as method,
    fit.fit_concept,
    fit.fit_variant,
    fit.fit_dataset_ids,
    fit.fit_variant_ids,
    vector.role,
    vector.seed,
    vector.resample,
    vector.norm,
    vector.parent_vector_id,
    run.operator,
    run.scope,
    run.identity_at_zero,
    run.graded
from run
inner join evaluation using (evaluation_id)
left join vector using (vector_id)
left join model on model.model_id = evaluation.model_id
left join fit_card as fit using (vector_id)
left join first_name as model_name
    on model_name.kind = 'model' and model_name.id = evaluation.model_id
left join first_name as concept
    on concept.kind = 'concept' and concept.id = evaluation.dataset_id
left join first_name as variant
    on variant.kind = 'variant' and variant.id = evaluation.variant_id
left join first_name as method
    on method.kind = 'method' and method.id = run.vector_id;
