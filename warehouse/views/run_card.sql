-- Everything known about a run, by id and by name. Facts are joined with this one small relation
-- and never with `name` (DESIGN 6); an id without a name shows what the id's own table calls it.
create view run_card as
with first_name as (
    select kind, id, min(name) as name
    from name
    group by kind, id
),

fit as (
    select
        vector_fit.vector_id,
        string_agg(distinct coalesce(concept.name, vector_fit.dataset_id), ' + ') as fit_concept,
        string_agg(distinct coalesce(variant.name, vector_fit.variant_id), ' + ') as fit_variant,
        list_sort(list(distinct vector_fit.dataset_id)) as fit_dataset_ids,
        list_sort(list(distinct vector_fit.variant_id)) as fit_variant_ids
    from vector_fit
    left join first_name as concept
        on concept.kind = 'concept' and concept.id = vector_fit.dataset_id
    left join first_name as variant
        on variant.kind = 'variant' and variant.id = vector_fit.variant_id
    group by vector_fit.vector_id
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
left join fit using (vector_id)
left join first_name as model_name
    on model_name.kind = 'model' and model_name.id = evaluation.model_id
left join first_name as concept
    on concept.kind = 'concept' and concept.id = evaluation.dataset_id
left join first_name as variant
    on variant.kind = 'variant' and variant.id = evaluation.variant_id
left join first_name as method
    on method.kind = 'method' and method.id = run.vector_id;
