-- What each vector was fitted on, by id and by name, over all its fits.
create view fit_card as
with first_name as (
    select kind, id, min(name) as name
    from name
    group by kind, id
)

select
    vector_fit.vector_id,
    list_aggregate(
        list_sort(list(distinct coalesce(concept.name, vector_fit.dataset_id))), 'string_agg', ' + '
    ) as fit_concept,
    list_aggregate(
        list_sort(list(distinct coalesce(variant.name, vector_fit.variant_id))), 'string_agg', ' + '
    ) as fit_variant,
    list_sort(list(distinct vector_fit.dataset_id)) as fit_dataset_ids,
    list_sort(list(distinct vector_fit.variant_id)) as fit_variant_ids,
    sum(vector_fit.n_items) as n_items,
    sum(vector_fit.n_questions) as n_questions
from vector_fit
left join first_name as concept
    on concept.kind = 'concept' and concept.id = vector_fit.dataset_id
left join first_name as variant
    on variant.kind = 'variant' and variant.id = vector_fit.variant_id
group by vector_fit.vector_id;
