-- question: Which features, steered by, raise a feature most?
-- grain: approximator, feature, rank
-- source: Chalnev et al. 2024 (arXiv 2411.02193), the reverse look-up of their effects viewer; here
--   foretold: the effect of unit decoder row i on feature j is its product with column j of M, and what
--   every vector does by its mere length is in bias
-- params:
--   filters
--   features  integer[]  null  features that are asked about; null = those foretold best
--   most      count      10    how many of those, of each approximator
--   causes    count      10    causes of each feature, at most as many as the approximator has kept
-- columns:
--   model             model
--   approximator      approximator
--   feature           feature that is raised
--   rank              1 raises it most
--   cause             feature whose unit decoder row is added
--   effect            foretold rise of the feature's mean activation, less bias
--   itself            the cause is the feature itself
--   cosine            of the cause's decoder row with column j of M, the direction that raises it most
--   bias              what every vector of unit length does to the feature
--   r2                of the feature over held-out vectors: how far the look-up can be trusted
--   complete          false where features are missing
-- further columns:
--   correlation       of foretold and measured effects over held-out vectors
--   correlation_low   lower end of its 95 % interval (Fisher's z)
--   correlation_high  upper end
--   n_held_out        vectors behind r2 and correlation
--   sae               autoencoder of both features
--   layer             decoder block
--   n_multipliers     multipliers at which each vector's effects were measured
--   approximator_id   id

with
asked as materialized (
    from asked_approximators($experiment, $model, $concept, $method)
),

feature as materialized (
    from asked_features(
        (select list(approximator_id) from asked), $features::integer[], $most
    )
),

counted as (
    select approximator_id, count(*) as n_features
    from approximator_feature
    group by approximator_id
)

select
    feature_skill.model,
    feature_skill.approximator,
    feature_skill.feature,
    feature_cause.rank,
    feature_cause.cause,
    feature_cause.effect,
    feature_cause.cause = feature_cause.feature as itself,
    feature_cause.effect / nullif(feature_skill.weight_length, 0) as cosine,
    feature_skill.bias,
    feature_skill.r2,
    counted.n_features = approximator.d_sae as complete,
    feature_skill.correlation,
    pearson_low(feature_skill.correlation, feature_skill.n_held_out, 0.95) as correlation_low,
    pearson_high(feature_skill.correlation, feature_skill.n_held_out, 0.95) as correlation_high,
    feature_skill.n_held_out,
    feature_skill.sae,
    feature_skill.layer,
    1 as n_multipliers,
    feature_skill.approximator_id
from feature
inner join feature_skill using (approximator_id, feature)
inner join feature_cause using (approximator_id, feature)
inner join approximator using (approximator_id)
inner join counted using (approximator_id)
where feature_cause.rank <= $causes
order by
    feature_skill.model, feature_skill.approximator, feature_skill.approximator_id,
    feature_skill.feature, feature_cause.rank
