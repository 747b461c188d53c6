-- question: Which features point nearly the same way as a feature, and does steering by them raise it?
-- grain: approximator, feature, rank
-- source: cosine of decoder rows (Chalnev et al. 2024, the neighbours of their effects viewer); foretold
--   effects as in feature_causes
-- params:
--   filters
--   features    integer[]  null  features that are asked about; null = those foretold best
--   most        count      10    how many of those, of each approximator
--   neighbours  count      10    neighbours of each feature, at most as many as were kept
-- columns:
--   model            model
--   sae              autoencoder of both features
--   feature          feature
--   rank             1 is nearest
--   neighbour        feature whose decoder row is near
--   cosine           of the two decoder rows
--   cause_rank       place of the neighbour among the causes that were kept of the feature, null where it is none
--   effect           foretold rise of the feature when steered by the neighbour, null where it is no kept cause
--   complete         false where features are missing
-- further columns:
--   r2               of the feature over held-out vectors
--   n_held_out       vectors behind r2
--   approximator     approximator that foretells
--   layer            decoder block
--   n_multipliers    multipliers at which each vector's effects were measured
--   approximator_id  id

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
    feature_skill.sae,
    feature_skill.feature,
    feature_neighbour.rank,
    feature_neighbour.neighbour,
    feature_neighbour.cosine,
    feature_cause.rank as cause_rank,
    feature_cause.effect,
    counted.n_features = approximator.d_sae as complete,
    feature_skill.r2,
    feature_skill.n_held_out,
    feature_skill.approximator,
    feature_skill.layer,
    1 as n_multipliers,
    feature_skill.approximator_id
from feature
inner join feature_skill using (approximator_id, feature)
inner join approximator using (approximator_id)
inner join counted using (approximator_id)
inner join feature_neighbour
    on
        feature_neighbour.sae_id = approximator.sae_id
        and feature_neighbour.feature = feature.feature
left join feature_cause
    on
        feature_cause.approximator_id = feature.approximator_id
        and feature_cause.feature = feature.feature
        and feature_cause.cause = feature_neighbour.neighbour
where feature_neighbour.rank <= $neighbours
order by
    feature_skill.model, feature_skill.approximator, feature_skill.approximator_id,
    feature_skill.feature, feature_neighbour.rank
