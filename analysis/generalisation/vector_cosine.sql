-- question: Do the vectors of one concept, fitted under two prompt variants, point the same way?
-- grain: pair of vectors, layer
-- source: Tan et al. 2024 (arXiv 2407.12404), plot_persona_cos_sim_trends.py. Two yardsticks beside the
--   cosine: what chance gives (a random direction in d_model dimensions), and what two fits of one
--   direction would give with the noise that these vectors have (replicate_cosine of the view
--   vector_geometry; dividing by it is Spearman's 1904 correction for attenuation)
-- params:
--   filters
--   layer       layer     null  one layer, or `best` = the one that validation chose; null = all
--   confidence  fraction  0.95  level of the interval and of chance
-- columns:
--   model              model
--   concept            concept that was fitted on
--   method             how the vectors were fitted
--   layer              decoder block they belong to
--   fit_variant_a      one variant
--   fit_variant_b      the other
--   cosine             cosine of the two vectors
--   cosine_low         lower end of its interval, from resampled vectors that drew the same questions
--   cosine_high        upper end
--   n_resamples        resampled pairs behind the interval (below 5 there is none)
--   chance             abs(cosine) that a random direction stays below at this level
--   expected_if_same   cosine of two fits of one direction as noisy as these, null where unknown
--   corrected_cosine   cosine / expected_if_same, at most 1 in size
--   complete           always true: vectors are fitted whole
-- further columns:
--   length_ratio       length of b over length of a, as applied
--   seed               seed of the vectors, null where none is used
--   norm               how the vectors were scaled
--   d_model            width of the residual stream, behind `chance`
--   n_multipliers      always 0: nothing is steered here
--   vector_id_a        one vector
--   vector_id_b        the other

with
fitted as materialized (
    select
        vector_id,
        any_value(model_id) as model_id,
        any_value(model) as model,
        any_value(fit_dataset_ids) as fit_dataset_ids,
        any_value(fit_variant_ids) as fit_variant_ids,
        any_value(fit_concept) as concept,
        any_value(fit_variant) as fit_variant,
        any_value(method) as method,
        any_value(seed) as seed,
        any_value(norm) as norm,
        any_value(chosen_layer) as chosen_layer
    from asked_cards($experiment, $model, $concept, $method, 'fitted', $layer)
    where resample is null and len(fit_dataset_ids) > 0
    group by vector_id
),

pair as materialized (
    select
        a.*,
        b.vector_id as vector_id_b,
        b.fit_variant as fit_variant_b
    from fitted as a
    inner join fitted as b
        on
            b.model_id = a.model_id
            and b.fit_dataset_ids = a.fit_dataset_ids
            and b.method = a.method
            and b.seed is not distinct from a.seed
            and b.norm = a.norm
            and (a.fit_variant, a.vector_id) < (b.fit_variant, b.vector_id)
            and b.fit_variant_ids <> a.fit_variant_ids
),

wanted as (
    select vector_id from pair
    union
    select vector_id_b as vector_id from pair
),

direction as materialized (
    -- the full fits and their resamples
    select
        coalesce(vector.parent_vector_id, vector.vector_id) as vector_id,
        vector.resample,
        vector_direction.layer,
        vector_direction.direction,
        vector_layer.degenerate,
        vector_layer.length,
        greatest(2 * vector_layer.split_half_cosine, 0)
        / (1 + abs(vector_layer.split_half_cosine)) as replicate_cosine
    from vector
    inner join vector_direction using (vector_id)
    inner join vector_layer
        on
            vector_layer.vector_id = vector.vector_id
            and vector_layer.layer = vector_direction.layer
    where
        vector.vector_id in (from wanted)
        or (vector.role = 'resample' and vector.parent_vector_id in (from wanted))
),

turned as (
    select
        pair.vector_id,
        pair.vector_id_b,
        a.layer,
        a.resample,
        list_cosine_similarity(a.direction, b.direction) as cosine,
        b.length / nullif(a.length, 0) as length_ratio,
        sqrt(a.replicate_cosine * b.replicate_cosine) as expected_if_same
    from pair
    inner join direction as a on a.vector_id = pair.vector_id
    inner join direction as b
        on
            b.vector_id = pair.vector_id_b
            and b.layer = a.layer
            and b.resample is not distinct from a.resample
    where
        not a.degenerate
        and not b.degenerate
        and is_layer(a.layer, $layer, pair.chosen_layer)
),

resampled as (
    select
        vector_id,
        vector_id_b,
        layer,
        count(*) as n,
        stddev_samp(atanh(least(greatest(cosine, -1 + 1e-12), 1 - 1e-12))) as sd
    from turned
    where resample is not null
    group by vector_id, vector_id_b, layer
)

select
    pair.model,
    pair.concept,
    pair.method,
    turned.layer,
    pair.fit_variant as fit_variant_a,
    pair.fit_variant_b,
    turned.cosine,
    if(
        n >= 5 and abs(cosine) < 1,
        tanh(atanh(turned.cosine) - t_factor($confidence, resampled.n) * resampled.sd),
        null
    ) as cosine_low,
    if(
        n >= 5 and abs(cosine) < 1,
        tanh(atanh(turned.cosine) + t_factor($confidence, resampled.n) * resampled.sd),
        null
    ) as cosine_high,
    coalesce(resampled.n, 0) as n_resamples,
    normal_quantile(0.5 + $confidence / 2) / sqrt(model.d_model) as chance,
    turned.expected_if_same,
    least(1, greatest(-1, turned.cosine / nullif(turned.expected_if_same, 0)))
        as corrected_cosine,
    true as complete,
    turned.length_ratio,
    pair.seed,
    pair.norm,
    model.d_model,
    0 as n_multipliers,
    pair.vector_id as vector_id_a,
    pair.vector_id_b
from turned
inner join pair using (vector_id, vector_id_b)
inner join model on model.model_id = pair.model_id
left join resampled
    on
        resampled.vector_id = turned.vector_id
        and resampled.vector_id_b = turned.vector_id_b
        and resampled.layer = turned.layer
where turned.resample is null
order by
    pair.model, pair.concept, pair.method, turned.layer, pair.fit_variant, pair.fit_variant_b,
    pair.norm, pair.seed, pair.vector_id, pair.vector_id_b
