-- What each vector was fitted on, by id and by name, over all its fits. Fits of one vector on one
-- data set are on the same questions: they are counted once.
create view fit_card as
with first_name as (
    select kind, id, min(name) as name
    from name
    group by kind, id
),

of_dataset as (
    select
        vector_id,
        dataset_id,
        list(distinct variant_id) as variant_ids,
        sum(n_items) as n_items,
        max(n_questions) as n_questions
    from vector_fit
    group by vector_id, dataset_id
),

of_vector as (
    select
        vector_id,
        list_sort(list(dataset_id)) as fit_dataset_ids,
        list_sort(list_distinct(flatten(list(variant_ids)))) as fit_variant_ids,
        sum(n_items) as n_items,
        sum(n_questions) as n_questions
    from of_dataset
    group by vector_id
)

select
    vector_fit.vector_id,
    list_aggregate(
        list_sort(list(distinct coalesce(concept.name, vector_fit.dataset_id))), 'string_agg', ' + '
    ) as fit_concept,
    list_aggregate(
        list_sort(list(distinct coalesce(variant.name, vector_fit.variant_id))), 'string_agg', ' + '
    ) as fit_variant,
    any_value(of_vector.fit_dataset_ids) as fit_dataset_ids,
    any_value(of_vector.fit_variant_ids) as fit_variant_ids,
    any_value(of_vector.n_items) as n_items,
    any_value(of_vector.n_questions) as n_questions
from vector_fit
inner join of_vector using (vector_id)
left join first_name as concept
    on concept.kind = 'concept' and concept.id = vector_fit.dataset_id
left join first_name as variant
    on variant.kind = 'variant' and variant.id = vector_fit.variant_id
group by vector_fit.vector_id;
