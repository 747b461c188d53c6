-- Vectors by name, with how their training differences lie around them. What follows from the
-- stored columns is here: length against the residual stream, and two estimates of how far a vector
-- is more than noise, of which the first is a correlation of halves stepped up (Spearman, Brown
-- 1910) and the second compares squared lengths.
create view vector_geometry as
with first_name as (
    select kind, id, min(name) as name
    from name
    group by kind, id
)

select
    vector.vector_id,
    vector.model_id,
    coalesce(model_name.name, model.source, vector.model_id) as model,
    fit.fit_concept,
    fit.fit_variant,
    coalesce(method.name, vector.method) as method,
    nullif(regexp_extract(vector.parameters, '"read":"([a-z_]+)"', 1), '') as read_position,
    vector.role,
    vector.seed,
    vector.resample,
    vector.norm,
    vector_layer.layer,
    vector_layer.degenerate,
    fit.n_items,
    fit.n_questions,
    vector_layer.length,
    vector_layer.raw_length,
    vector_layer.residual_norm,
    vector_layer.raw_length / nullif(vector_layer.residual_norm, 0) as relative_length,
    vector_layer.mean_cosine,
    vector_layer.mean_pairwise_cosine,
    vector_layer.d_prime,
    vector_layer.auroc,
    vector_layer.overlap,
    vector_layer.effective_rank,
    vector_layer.split_half_cosine,
    vector_layer.split_half_sd,
    greatest(2 * vector_layer.split_half_cosine, 0)
    / (1 + abs(vector_layer.split_half_cosine)) as replicate_cosine,
    vector_layer.noise_length,
    case
        when vector_layer.noise_length is not null and vector_layer.raw_length > 0
            then greatest(1 - (vector_layer.noise_length / vector_layer.raw_length) ** 2, 0)
    end as systematic_share
from vector_layer
inner join vector using (vector_id)
left join model on model.model_id = vector.model_id
left join fit_card as fit using (vector_id)
left join first_name as model_name
    on model_name.kind = 'model' and model_name.id = vector.model_id
left join first_name as method
    on method.kind = 'method' and method.id = vector.vector_id;
