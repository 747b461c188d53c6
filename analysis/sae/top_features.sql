-- question: Which features does a vector move most?
-- grain: run on a prompt set, layer, multiplier, autoencoder, stream, rank
-- source: Chalnev et al. 2024 (arXiv 2411.02193), section 2: the mean activation of a feature over
--   steered rollouts less that over unsteered ones; the same draws on both sides, so that rollouts pair
-- params:
--   filters
--   role        fitted|null  fitted  vectors: fitted, or null (random ones: the yardstick)
--   layer       smallint     null    one layer; null = all
--   most        count        10      features of each row's vector, largest effect first
--   confidence  fraction     0.95    level of the intervals
-- columns:
--   model            model
--   fit_concept      concept the vector was fitted on, null where it was fitted on none
--   method           how the vector was fitted
--   layer            decoder block whose output is steered
--   multiplier       signed factor on the vector
--   rank             1 is moved most
--   feature          feature of the autoencoder
--   effect           its mean activation steered less unsteered
--   effect_low       lower end of its interval (t over pairs of rollouts)
--   effect_high      upper end
--   unsteered_mean   its mean activation without steering
--   targeted         the vector is made of this feature, or aims at it; null where it names none
--   n_rollouts       pairs of rollouts
--   complete         false where rollouts that were asked are missing
-- further columns:
--   sae              autoencoder
--   stream           whose residual stream was read
--   prompt_set       openings that are continued
--   fit_variant      variant it was fitted on
--   role             fitted, or null
--   seed             seed of the vector, null where none is used
--   norm             how the vector was scaled
--   operator         how it was applied
--   scope            where it was applied
--   steered_mean     its mean activation with steering
--   standard_error   of the effect
--   n_multipliers    multipliers of the run at the layer
--   run_id           the run on the prompt set

with
asked as materialized (
    from asked_feature_effects($experiment, $model, $concept, $method, $role)
    where $layer is null or layer = $layer
),

ranked as (
    select
        *,
        row_number() over (
            partition by run_id, layer, multiplier, sae_id, stream
            order by abs(effect) desc, feature asc
        ) as rank,
        count(distinct multiplier) over (partition by run_id, layer) as n_multipliers
    from asked
),

t_factors as (
    select n_rollouts, t_factor($confidence, n_rollouts) as t
    from (select distinct n_rollouts from asked)
)

select
    ranked.model,
    ranked.fit_concept,
    ranked.method,
    ranked.layer,
    ranked.multiplier,
    ranked.rank,
    ranked.feature,
    ranked.effect,
    ranked.effect - t_factors.t * ranked.standard_error as effect_low,
    ranked.effect + t_factors.t * ranked.standard_error as effect_high,
    ranked.unsteered_mean,
    ranked.targeted,
    ranked.n_rollouts,
    ranked.n_absent = 0 as complete,
    ranked.sae,
    ranked.stream,
    ranked.prompt_set,
    ranked.fit_variant,
    ranked.role,
    ranked.seed,
    ranked.norm,
    ranked.operator,
    ranked.scope,
    ranked.steered_mean,
    ranked.standard_error,
    ranked.n_multipliers,
    ranked.run_id
from ranked
inner join t_factors using (n_rollouts)
where ranked.rank <= $most
order by
    ranked.model, ranked.fit_concept, ranked.method, ranked.layer, ranked.multiplier, ranked.sae,
    ranked.stream, ranked.run_id, ranked.rank
