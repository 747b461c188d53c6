-- question: How soon does a vector make rollouts fall apart, and does it make them better first?
-- grain: run on a prompt set, layer, multiplier, scorer of coherence
-- source: Chalnev, Siu and Conmy 2024 (arXiv 2411.02193), coherence against scale; differences from the
--   rollouts without steering are paired by prompt and sample, which have the same random stream
-- params:
--   filters
--   role        fitted|null    fitted  vectors: fitted, or null (random ones: the yardstick)
--   layer       smallint       null    one layer; null = all
--   unit        sample|prompt  sample  what is drawn anew: other samples of the same prompts, or other prompts too
--   confidence  fraction       0.95    level of the intervals
-- columns:
--   model                model
--   fit_concept          concept the vector was fitted on, null where it was fitted on none
--   method               how the vector was fitted
--   prompt_set           openings that are continued
--   coherence_scorer     what scores coherence
--   layer                decoder block whose output is steered
--   multiplier           signed factor on the vector
--   coherence            mean score of coherence
--   coherence_low        lower end of its interval
--   coherence_high       upper end
--   unsteered            mean score of the rollouts without steering, the same prompts and samples
--   difference           mean over prompts and samples of coherence with minus without steering
--   difference_low       lower end of its interval
--   difference_high      upper end
--   difference_p         two-sided p of no difference
--   n                    rollouts with a score
--   n_failed             rollouts that the scorer failed on
--   complete             false where an asked rollout or a score is missing, failed ones included
-- further columns:
--   fit_variant          variant it was fitted on
--   role                 fitted, or null
--   seed                 seed of the vector, null where none is used
--   norm                 how the vector was scaled
--   operator             how it was applied
--   scope                where it was applied
--   n_pairs              rollouts that have a score with and without steering
--   n_rollouts           rollouts that are there
--   n_clusters           samples, or prompts, that the intervals go by
--   n_multipliers        multipliers of the run at the layer
--   coherence_scorer_id  the scorer with its parameters: table scorer
--   run_id               the run on the prompt set

with
asked as materialized (
    select
        own.*,
        scorers.scorer_id as coherence_id,
        scorers.name as coherence_scorer
    from asked_rollout_runs($experiment, $model, $method, $role) as own
    inner join run_scorers() as scorers
        on scorers.run_id = own.run_id and scorers.measures = 'coherence'
    where
        $concept is null
        or list_has_any(
            own.own_dataset_ids,
            coalesce((select list(id) from asked_ids('concept', $concept)), [])
        )
),

paired as (
    select
        asked.run_id,
        asked.coherence_id,
        rollout.layer,
        rollout.multiplier,
        rollout.prompt_id,
        rollout.sample,
        steered.score as with_it,
        unsteered.score as without,
        steered.failure is not null as failed
    from asked
    inner join rollout using (run_id)
    left join score as steered
        on steered.rollout_id = rollout.rollout_id and steered.scorer_id = asked.coherence_id
    left join rollout as plain
        on
            plain.evaluation_id = rollout.evaluation_id
            and plain.run_id is null
            and plain.prompt_id = rollout.prompt_id
            and plain.sample = rollout.sample
    left join score as unsteered
        on unsteered.rollout_id = plain.rollout_id and unsteered.scorer_id = asked.coherence_id
    where $layer is null or rollout.layer = $layer
),

cluster as (
    select
        run_id,
        coherence_id,
        layer,
        multiplier,
        prompt_id,
        if($unit = 'sample', sample, null) as of_sample,
        count(*) as n_rollouts,
        count(*) filter (where failed) as n_failed,
        count(with_it) as n,
        sum(with_it) as total,
        count(with_it - without) as n_pairs,
        sum(if(with_it is null, null, without)) as total_without,
        sum(with_it - without) as total_difference
    from paired
    group by
        run_id, coherence_id, layer, multiplier, prompt_id, if($unit = 'sample', sample, null)
),

counted as (
    select
        run_id,
        coherence_id,
        layer,
        multiplier,
        sum(n_rollouts)::bigint as n_rollouts,
        sum(n_failed)::bigint as n_failed
    from cluster
    group by run_id, coherence_id, layer, multiplier
),

own_mean as (
    select
        run_id,
        coherence_id,
        layer,
        multiplier,
        sum(n)::bigint as n,
        count(*) as n_clusters,
        sum(total) / sum(n) as coherence,
        cluster_standard_error(total, n) as error
    from cluster
    where n > 0
    group by run_id, coherence_id, layer, multiplier
),

pair_mean as (
    select
        run_id,
        coherence_id,
        layer,
        multiplier,
        sum(n_pairs)::bigint as n_pairs,
        count(*) as n_pair_clusters,
        sum(total_without) / sum(n_pairs) as unsteered,
        sum(total_difference) / sum(n_pairs) as difference,
        cluster_standard_error(total_difference, n_pairs) as difference_error
    from cluster
    where n_pairs > 0
    group by run_id, coherence_id, layer, multiplier
),

mean as materialized (
    select
        counted.*,
        coalesce(own_mean.n, 0) as n,
        coalesce(own_mean.n_clusters, 0) as n_clusters,
        own_mean.coherence,
        own_mean.error,
        coalesce(pair_mean.n_pairs, 0) as n_pairs,
        coalesce(pair_mean.n_pair_clusters, 0) as n_pair_clusters,
        pair_mean.unsteered,
        pair_mean.difference,
        pair_mean.difference_error
    from counted
    left join own_mean using (run_id, coherence_id, layer, multiplier)
    left join pair_mean using (run_id, coherence_id, layer, multiplier)
),

t_factors as (
    select k, t_factor($confidence, k) as t
    from (select n_clusters as k from mean union select n_pair_clusters from mean)
)

select
    asked.model,
    asked.fit_concept,
    asked.method,
    asked.prompt_set,
    asked.coherence_scorer,
    mean.layer,
    mean.multiplier,
    mean.coherence,
    score_low(mean.coherence, mean.error, mean.n_clusters, own.t) as coherence_low,
    score_high(mean.coherence, mean.error, mean.n_clusters, own.t) as coherence_high,
    mean.unsteered,
    mean.difference,
    mean.difference - pairs.t * mean.difference_error as difference_low,
    mean.difference + pairs.t * mean.difference_error as difference_high,
    student_t_two_sided(
        mean.difference / nullif(mean.difference_error, 0), mean.n_pair_clusters - 1
    ) as difference_p,
    mean.n,
    mean.n_failed,
    mean.n = mean.n_rollouts
    and mean.n_pairs = mean.n_rollouts
    and coalesce(absent.n_absent, 0) = 0 as complete,
    asked.fit_variant,
    asked.role,
    asked.seed,
    asked.norm,
    asked.operator,
    asked.scope,
    mean.n_pairs,
    mean.n_rollouts,
    mean.n_clusters,
    count(*) over (partition by mean.run_id, mean.layer, mean.coherence_id) as n_multipliers,
    asked.coherence_id as coherence_scorer_id,
    asked.run_id
from asked
inner join mean using (run_id, coherence_id)
left join t_factors as own on own.k = mean.n_clusters
left join t_factors as pairs on pairs.k = mean.n_pair_clusters
left join missing_rollouts() as absent
    on
        absent.run_id = mean.run_id
        and absent.layer = mean.layer
        and absent.multiplier = mean.multiplier
order by
    asked.model, asked.fit_concept, asked.prompt_set, asked.coherence_scorer, asked.method,
    mean.layer, mean.multiplier, asked.run_id, asked.coherence_id
