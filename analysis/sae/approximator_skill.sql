-- question: How well does each approximator foretell what vectors that it has not seen do to features?
-- grain: approximator
-- source: R² against the held-out mean (scikit-learn's r2_score) and Pearson's correlation, of each
--   feature over the held-out vectors; Fisher's z (warehouse/macros/correlations.sql) with their number
--   as n, which says nothing of how near one held-out vector lies to another
-- params:
--   filters
--   confidence  fraction  0.95  level of the intervals of correlations
-- columns:
--   model                 model
--   approximator          approximator
--   layer                 decoder block whose output is steered and read
--   sae                   autoencoder whose features are foretold
--   fit                   ridge or adam
--   n_inputs              vectors whose effects were measured
--   n_held_out            of them, vectors that the fit never saw: n of every feature
--   n_features            features
--   n_moved               features that some held-out vector moves
--   pooled_r2             1 - squared error / squared deviation, summed over features
--   median_r2             median of R² over the features moved
--   positive_r2_fraction  share of them with R² above 0: better than their held-out mean
--   median_correlation    median over them of the correlation of foretold and measured effects
--   correlated_fraction   share of them whose correlation's interval lies above 0
--   complete              false where features are missing
-- further columns:
--   p10_r2                tenth part of the features moved has an R² below
--   p90_r2                tenth part has one above
--   median_largest_share  median over them of the share of a feature's squared deviation that one vector makes: where it is near 1, R² is about that vector
--   one_vector_fraction   share of them of which one vector makes more than half
--   median_decoder_cosine  median over all features of the cosine of column j of M with decoder row j
--   rise                  nats by which each vector was let raise cross-entropy, null where a length was given
--   scale                 length of every vector, null where a rise was given
--   prompt_set            openings of the texts
--   input_sae             autoencoder whose decoder rows are the vectors
--   parameters            of fit, inputs and rollouts as JSON
--   n_multipliers         multipliers at which each vector's effects were measured
--   approximator_id       id

with
asked as materialized (
    from asked_approximators($experiment, $model, $concept, $method)
),

judged as (
    select
        feature_skill.*,
        pearson_low(correlation, n_held_out, $confidence) as correlation_low
    from feature_skill
    inner join asked using (approximator_id)
),

pooled as (
    select
        approximator_id,
        1 - sum(squared_error) / nullif(sum(squared_deviation), 0) as pooled_r2
    from approximator_feature
    group by approximator_id
),

over_features as (
    select
        approximator_id,
        any_value(model) as model,
        any_value(approximator) as approximator,
        any_value(sae) as sae,
        count(*) as n_features,
        count(r2) as n_moved,
        median(r2) as median_r2,
        quantile_cont(r2, 0.1) as p10_r2,
        quantile_cont(r2, 0.9) as p90_r2,
        avg((r2 > 0)::int) as positive_r2_fraction,
        median(correlation) as median_correlation,
        count(*) filter (where correlation_low > 0) / nullif(count(r2), 0) as correlated_fraction,
        median(largest_share) as median_largest_share,
        avg((largest_share > 0.5)::int) as one_vector_fraction,
        median(decoder_cosine) as median_decoder_cosine
    from judged
    group by approximator_id
)

select
    over_features.model,
    over_features.approximator,
    approximator.layer,
    over_features.sae,
    approximator.fit,
    approximator.n_inputs,
    approximator.n_held_out,
    over_features.n_features,
    over_features.n_moved,
    pooled.pooled_r2,
    over_features.median_r2,
    over_features.positive_r2_fraction,
    over_features.median_correlation,
    over_features.correlated_fraction,
    over_features.n_features = approximator.d_sae as complete,
    over_features.p10_r2,
    over_features.p90_r2,
    over_features.median_largest_share,
    over_features.one_vector_fraction,
    over_features.median_decoder_cosine,
    approximator.rise,
    approximator.scale,
    coalesce(prompts.name, approximator.prompt_set_id) as prompt_set,
    coalesce(inputs.name, approximator.input_sae_id) as input_sae,
    approximator.parameters,
    1 as n_multipliers,
    approximator.approximator_id
from over_features
inner join approximator using (approximator_id)
inner join pooled using (approximator_id)
left join shown_name as prompts
    on prompts.kind = 'prompt_set' and prompts.id = approximator.prompt_set_id
left join shown_name as inputs
    on inputs.kind = 'sae' and inputs.id = approximator.input_sae_id
order by over_features.model, over_features.approximator, approximator.approximator_id
