-- question: How much of what a vector does to features is what it was aimed at?
-- grain: run on a prompt set, layer, multiplier, autoencoder, stream
-- source: Chalnev et al. 2024 (arXiv 2411.02193), section 3, which compares how far targeted features and
--   all others move; here as sums of absolute effects, of the effects that are rows: those of the
--   targets, and of all other features those above the floor of the experiment's rollouts (the files
--   under effects/ hold all)
-- params:
--   filters
--   role        fitted|null  fitted  vectors: fitted, or null (random ones: the yardstick)
--   layer       smallint     null    one layer; null = all
--   confidence  fraction     0.95    level of the intervals
-- columns:
--   model             model
--   fit_concept       concept the vector was fitted on, null where it was fitted on none
--   method            how the vector was fitted
--   layer             decoder block whose output is steered
--   multiplier        signed factor on the vector
--   n_targets         features that the vector is made of or aims at; null where it names none
--   targeted          sum of their effects, each with the sign of its coefficient; null where one is no row
--   targeted_low      lower end of its interval, where there is one target (t over pairs of rollouts)
--   targeted_high     upper end
--   untargeted_mass   sum of the absolute effects of all other features, those below the floor left out
--   targeted_share    absolute effects of the targets / those of all features that are rows
--   largest_other     feature moved most that is no target
--   n_rollouts        pairs of rollouts
--   complete          false where rollouts that were asked are missing
-- further columns:
--   sae               autoencoder
--   stream            whose residual stream was read
--   prompt_set        openings that are continued
--   fit_variant       variant it was fitted on
--   role              fitted, or null
--   seed              seed of the vector, null where none is used
--   norm              how the vector was scaled
--   operator          how it was applied
--   scope             where it was applied
--   largest_effect    effect on that other feature
--   n_features        features whose effects are rows
--   n_multipliers     multipliers of the run at the layer
--   run_id            the run on the prompt set

with
asked as materialized (
    select
        *,
        coalesce(targeted, false) as is_target
    from asked_feature_effects($experiment, $model, $concept, $method, $role)
    where $layer is null or layer = $layer
),

summed as (
    select
        run_id,
        layer,
        multiplier,
        sae_id,
        stream,
        any_value(model) as model,
        any_value(fit_concept) as fit_concept,
        any_value(method) as method,
        any_value(n_targets) as n_targets,
        -- Rollouts of an older version have no row of a target whose effect is below the floor.
        count(*) filter (where is_target) = any_value(n_targets) as targets_known,
        sum(effect * sign(coefficient)) filter (where is_target) as targeted,
        max(standard_error) filter (where is_target) as target_error,
        sum(abs(effect)) filter (where is_target) as targeted_mass,
        coalesce(sum(abs(effect)) filter (where not is_target), 0) as untargeted_mass,
        arg_max(feature, abs(effect)) filter (where not is_target) as largest_other,
        arg_max(effect, abs(effect)) filter (where not is_target) as largest_effect,
        any_value(n_rollouts) as n_rollouts,
        max(n_absent) as n_absent,
        any_value(sae) as sae,
        any_value(prompt_set) as prompt_set,
        any_value(fit_variant) as fit_variant,
        any_value(role) as role,
        any_value(seed) as seed,
        any_value(norm) as norm,
        any_value(operator) as operator,
        any_value(scope) as scope,
        count(*) as n_features
    from asked
    group by run_id, layer, multiplier, sae_id, stream
),

t_factors as (
    select n_rollouts, t_factor($confidence, n_rollouts) as t
    from (select distinct n_rollouts from asked)
)

select
    summed.model,
    summed.fit_concept,
    summed.method,
    summed.layer,
    summed.multiplier,
    summed.n_targets,
    if(summed.targets_known, summed.targeted, null) as targeted,
    if(summed.n_targets = 1, summed.targeted - t_factors.t * summed.target_error, null)
        as targeted_low,
    if(summed.n_targets = 1, summed.targeted + t_factors.t * summed.target_error, null)
        as targeted_high,
    summed.untargeted_mass,
    if(
        summed.targets_known,
        summed.targeted_mass / nullif(summed.targeted_mass + summed.untargeted_mass, 0),
        null
    ) as targeted_share,
    summed.largest_other,
    summed.n_rollouts,
    summed.n_absent = 0 as complete,
    summed.sae,
    summed.stream,
    summed.prompt_set,
    summed.fit_variant,
    summed.role,
    summed.seed,
    summed.norm,
    summed.operator,
    summed.scope,
    summed.largest_effect,
    summed.n_features,
    count(distinct summed.multiplier) over (partition by summed.run_id, summed.layer)
        as n_multipliers,
    summed.run_id
from summed
inner join t_factors using (n_rollouts)
order by
    summed.model, summed.fit_concept, summed.method, summed.layer, summed.multiplier, summed.sae,
    summed.stream, summed.run_id
