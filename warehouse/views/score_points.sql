-- Every rollout of these runs with both scores, one row per run_id, behaviour_id, coherence_id, layer,
-- multiplier, prompt_id, sample. Multiplier 0 is the rollouts without steering, for operators that do
-- nothing there. `failed`: a scorer was asked in vain; `missing`: one was not asked.
create macro scored_pairs(experiments, models, concepts, methods, asked_role) as table
with asked as materialized (
    select run_id, behaviour_id, coherence_id, evaluation_id, identity_at_zero
    from asked_scored_runs(experiments, models, concepts, methods, asked_role)
),

place as materialized (
    select distinct rollout.run_id, rollout.layer, rollout.multiplier, rollout.evaluation_id
    from rollout
    where rollout.run_id in (select run_id from asked)
),

drawn as (
    select rollout.run_id, rollout.layer, rollout.multiplier, rollout.prompt_id, rollout.sample,
        rollout.rollout_id
    from rollout
    where rollout.run_id in (select run_id from asked)
    union all
    select place.run_id, place.layer, 0, rollout.prompt_id, rollout.sample, rollout.rollout_id
    from (
        select run_id, layer, evaluation_id
        from place
        group by run_id, layer, evaluation_id
        having not bool_or(multiplier = 0)
    ) as place
    inner join rollout
        on rollout.evaluation_id = place.evaluation_id and rollout.run_id is null
    where place.run_id in (select run_id from asked where identity_at_zero)
)

select
    asked.run_id,
    asked.behaviour_id,
    asked.coherence_id,
    asked.evaluation_id,
    drawn.layer,
    drawn.multiplier,
    drawn.prompt_id,
    drawn.sample,
    behaviour.score as behaviour,
    coherence.score as coherence,
    behaviour.failure is not null or coherence.failure is not null as failed,
    behaviour.rollout_id is null or coherence.rollout_id is null as missing
from asked
inner join drawn using (run_id)
left join score as behaviour
    on behaviour.rollout_id = drawn.rollout_id and behaviour.scorer_id = asked.behaviour_id
left join score as coherence
    on coherence.rollout_id = drawn.rollout_id and coherence.scorer_id = asked.coherence_id;

-- Means of both scores and of their product, by run, layer and multiplier, over the rollouts that have
-- both. `unit` says what is drawn anew: `sample` (other samples of the same prompts), or `prompt`
-- (other prompts too); one cluster each. Product of means as Chalnev et al. 2024, with its standard
-- error by the delta method.
create macro score_points(experiments, models, concepts, methods, asked_role, unit) as table
with cluster as (
    select
        run_id,
        behaviour_id,
        coherence_id,
        layer,
        multiplier,
        prompt_id,
        if(unit = 'sample', sample, null) as of_sample,
        count(*) as n_rollouts,
        count(*) filter (where failed) as n_failed,
        count(*) filter (where missing) as n_missing,
        count(behaviour + coherence) as n,
        sum(behaviour) filter (where coherence is not null) as b,
        sum(coherence) filter (where behaviour is not null) as c,
        sum(behaviour * coherence) as bc
    from scored_pairs(experiments, models, concepts, methods, asked_role)
    group by
        run_id, behaviour_id, coherence_id, layer, multiplier, prompt_id,
        if(unit = 'sample', sample, null)
),

counted as (
    select
        run_id,
        behaviour_id,
        coherence_id,
        layer,
        multiplier,
        sum(n_rollouts)::bigint as n_rollouts,
        sum(n_failed)::bigint as n_failed,
        sum(n_missing)::bigint as n_missing
    from cluster
    group by run_id, behaviour_id, coherence_id, layer, multiplier
),

mean as (
    select
        run_id,
        behaviour_id,
        coherence_id,
        layer,
        multiplier,
        sum(n)::bigint as n,
        count(*) as n_clusters,
        sum(b) / sum(n) as behaviour,
        cluster_standard_error(b, n) as behaviour_error,
        sum(c) / sum(n) as coherence,
        cluster_standard_error(c, n) as coherence_error,
        cluster_covariance(b, n, c, n) as covariance,
        sum(bc) / sum(n) as mean_of_products,
        cluster_standard_error(bc, n) as mean_of_products_error
    from cluster
    where n > 0
    group by run_id, behaviour_id, coherence_id, layer, multiplier
)

select
    counted.*,
    coalesce(mean.n, 0) as n,
    coalesce(mean.n_clusters, 0) as n_clusters,
    mean.behaviour,
    mean.behaviour_error,
    mean.coherence,
    mean.coherence_error,
    mean.behaviour * mean.coherence as product_of_means,
    sqrt(product_variance(
        mean.behaviour, pow(mean.behaviour_error, 2), mean.coherence, pow(mean.coherence_error, 2),
        mean.covariance
    )) as product_of_means_error,
    mean.mean_of_products,
    mean.mean_of_products_error
from counted
left join mean using (run_id, behaviour_id, coherence_id, layer, multiplier);
