-- question: Do the vectors of one concept, fitted under two prompt variants, point the same way?
-- grain: pair of vectors, layer
-- source: Tan et al. 2024 (arXiv 2407.12404), plot_persona_cos_sim_trends.py. Noise turns two vectors
--   apart, so the cosine is also given freed of it: from resampled vectors, which drew the same
--   questions under both variants, their noise is taken off both squared lengths and the product,
--   and the interval is the t interval of the first-order change over resamples; without resamples,
--   by Spearman's correction (1904) with replicate_cosine of the view vector_geometry
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
--   corrected_cosine   cosine freed of the vectors' noise, at most 1 in size; null where noise is more than half of a squared length, or unknown
--   corrected_low      lower end of its interval; only from 5 resamples on
--   corrected_high     upper end
--   n_resamples        resampled pairs behind it; 0 = corrected by split halves
--   systematic_share   share of the squared length that is no noise, of the noisier vector
--   chance             abs(cosine) that a random direction stays below at this level
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
        / (1 + abs(vector_layer.split_half_cosine)) as replicate_cosine,
        fit_card.n_questions / nullif(fit_card.n_questions - 1, 0) as inflation
    from vector
    inner join vector_direction using (vector_id)
    inner join vector_layer
        on
            vector_layer.vector_id = vector.vector_id
            and vector_layer.layer = vector_direction.layer
    left join fit_card on fit_card.vector_id = vector.vector_id
    where
        vector.vector_id in (from wanted)
        or (vector.role = 'resample' and vector.parent_vector_id in (from wanted))
),

whole as materialized (
    select
        pair.vector_id,
        pair.vector_id_b,
        a.layer,
        a.direction as a,
        b.direction as b,
        list_dot_product(a.direction, a.direction)::double as aa,
        list_dot_product(b.direction, b.direction)::double as bb,
        list_dot_product(a.direction, b.direction)::double as ab,
        b.length / nullif(a.length, 0) as length_ratio,
        a.replicate_cosine as replicate_a,
        b.replicate_cosine as replicate_b,
        greatest(a.inflation, b.inflation) as inflation
    from pair
    inner join direction as a on a.vector_id = pair.vector_id and a.resample is null
    inner join direction as b
        on b.vector_id = pair.vector_id_b and b.layer = a.layer and b.resample is null
    where
        not a.degenerate
        and not b.degenerate
        and is_layer(a.layer, $layer, pair.chosen_layer)
),

redrawn as materialized (
    -- products with the full vectors, all that the corrections need
    select
        whole.vector_id,
        whole.vector_id_b,
        whole.layer,
        whole.aa,
        whole.bb,
        whole.ab,
        whole.inflation,
        list_dot_product(a.direction, whole.a)::double as a_k_a,
        list_dot_product(a.direction, whole.b)::double as a_k_b,
        list_dot_product(b.direction, whole.a)::double as b_k_a,
        list_dot_product(b.direction, whole.b)::double as b_k_b,
        list_dot_product(a.direction, a.direction)::double as a_k_a_k,
        list_dot_product(b.direction, b.direction)::double as b_k_b_k,
        list_dot_product(a.direction, b.direction)::double as a_k_b_k
    from whole
    inner join direction as a
        on a.vector_id = whole.vector_id and a.layer = whole.layer and a.resample is not null
    inner join direction as b
        on
            b.vector_id = whole.vector_id_b
            and b.layer = whole.layer
            and b.resample = a.resample
),

freed as materialized (
    select
        vector_id,
        vector_id_b,
        layer,
        count(*) as n,
        any_value(aa) - avg(a_k_a_k - 2 * a_k_a + aa) * any_value(inflation) as aa,
        any_value(bb) - avg(b_k_b_k - 2 * b_k_b + bb) * any_value(inflation) as bb,
        any_value(ab) - avg(a_k_b_k - a_k_b - b_k_a + ab) * any_value(inflation) as ab
    from redrawn
    group by vector_id, vector_id_b, layer
    having count(*) >= 5
),

changed as (
    select
        redrawn.vector_id,
        redrawn.vector_id_b,
        redrawn.layer,
        stddev_samp(
            (redrawn.a_k_b + redrawn.b_k_a) / sqrt(freed.aa * freed.bb)
            - freed.ab / sqrt(freed.aa * freed.bb)
            * (redrawn.a_k_a / freed.aa + redrawn.b_k_b / freed.bb)
        ) as error
    from redrawn
    inner join freed using (vector_id, vector_id_b, layer)
    where freed.aa > 0.5 * redrawn.aa and freed.bb > 0.5 * redrawn.bb
    group by redrawn.vector_id, redrawn.vector_id_b, redrawn.layer
),

corrected as (
    select
        whole.*,
        coalesce(freed.n, 0) as n,
        changed.error,
        if(
            freed.n is not null,
            greatest(0, least(freed.aa / whole.aa, freed.bb / whole.bb)),
            if(
                whole.replicate_a + whole.replicate_b is null,
                null,
                least(whole.replicate_a, whole.replicate_b)
            )
        ) as systematic_share,
        if(
            freed.n is not null,
            if(changed.error is not null, freed.ab / sqrt(freed.aa * freed.bb), null),
            whole.ab / sqrt(whole.aa * whole.bb)
            / nullif(sqrt(whole.replicate_a * whole.replicate_b), 0)
        ) as corrected
    from whole
    left join freed using (vector_id, vector_id_b, layer)
    left join changed using (vector_id, vector_id_b, layer)
)

select
    pair.model,
    pair.concept,
    pair.method,
    corrected.layer,
    pair.fit_variant as fit_variant_a,
    pair.fit_variant_b,
    corrected.ab / sqrt(corrected.aa * corrected.bb) as cosine,
    if(
        systematic_share > 0.5 and corrected is not null,
        least(1, greatest(-1, corrected)),
        null
    ) as corrected_cosine,
    -- greatest and least pass over nulls, so one is said first
    if(error is null, null, greatest(-1, corrected - t_factor($confidence, n) * error))
        as corrected_low,
    if(error is null, null, least(1, corrected + t_factor($confidence, n) * error))
        as corrected_high,
    corrected.n as n_resamples,
    corrected.systematic_share,
    normal_quantile(0.5 + $confidence / 2) / sqrt(model.d_model) as chance,
    true as complete,
    corrected.length_ratio,
    pair.seed,
    pair.norm,
    model.d_model,
    0 as n_multipliers,
    pair.vector_id as vector_id_a,
    pair.vector_id_b
from corrected
inner join pair using (vector_id, vector_id_b)
inner join model on model.model_id = pair.model_id
order by
    pair.model, pair.concept, pair.method, corrected.layer, pair.fit_variant, pair.fit_variant_b,
    pair.norm, pair.seed, pair.vector_id, pair.vector_id_b
