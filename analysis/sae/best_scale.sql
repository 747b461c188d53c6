-- question: How strongly should each vector be applied, and what does that strength give on rollouts that did not choose it?
-- grain: run on a prompt set, layer, scorer of behaviour, scorer of coherence
-- source: Chalnev, Siu and Conmy 2024 (arXiv 2411.02193) report the largest score over multipliers, chosen
--   on the rollouts it is reported on: too good by chance, the more so the more multipliers. Beside it
--   two-fold cross-fitting (Chernozhukov et al. 2018): each half of the samples at the multiplier that
--   the other half chooses
-- params:
--   filters
--   role        fitted|null                        fitted            vectors: fitted, or null (random ones: the yardstick)
--   layer       smallint                           null              one layer; null = all
--   objective   product_of_means|mean_of_products  product_of_means  what is made largest
--   confidence  fraction                           0.95              level of the interval
-- columns:
--   model              model
--   concept            concept that is scored: the scorer's own, else the one the vector was fitted on
--   method             how the vector was fitted
--   prompt_set         openings that are continued
--   behaviour_scorer   what scores behaviour
--   coherence_scorer   what scores coherence
--   layer              decoder block whose output is steered
--   multiplier         multiplier that all rollouts choose, 0 (no steering) among the candidates
--   in_sample          its value on the same rollouts, as published
--   held_out           value of both halves, each at the multiplier that the other chooses
--   held_out_low       lower end of its interval
--   held_out_high      upper end
--   optimism           in_sample - held_out: what choosing on the same rollouts flatters by
--   multiplier_first   multiplier that the first half of the samples is reported at
--   multiplier_second  multiplier that the second half is reported at
--   n                  rollouts with both scores behind held_out
--   n_failed           rollouts that a scorer failed on, at any multiplier
--   complete           false where an asked rollout or a score is missing, failed ones included
-- further columns:
--   behaviour            mean score of behaviour at multiplier
--   coherence            mean score of coherence there
--   held_out_behaviour   mean score of behaviour behind held_out
--   held_out_coherence   mean score of coherence behind held_out
--   fit_concept          concept the vector was fitted on, null where it was fitted on none
--   fit_variant          variant it was fitted on
--   role                 fitted, or null
--   seed                 seed of the vector, null where none is used
--   norm                 how the vector was scaled
--   operator             how it was applied
--   scope                where it was applied
--   objective            what is made largest
--   n_multipliers        multipliers that stood for choice, 0 included
--   behaviour_scorer_id  the scorer with its parameters: table scorer
--   coherence_scorer_id  the scorer with its parameters: table scorer
--   run_id               the run on the prompt set

with
asked as materialized (
    from asked_scored_runs($experiment, $model, $concept, $method, $role)
),

best as materialized (
    from best_scales($experiment, $model, $concept, $method, $role, $objective)
),

absent as (
    select run_id, layer, sum(n_absent) as n_absent
    from missing_rollouts()
    group by run_id, layer
),

t_factors as (
    -- two halves have means of their own: one degree of freedom less than of one mean
    select held_out_n, t_factor($confidence, held_out_n - 1) as t
    from (select distinct held_out_n from best)
)

select
    asked.model,
    asked.concept,
    asked.method,
    asked.prompt_set,
    asked.behaviour_scorer,
    asked.coherence_scorer,
    best.layer,
    best.multiplier,
    best.in_sample,
    best.held_out,
    score_low(best.held_out, best.held_out_error, best.held_out_n, t_factors.t) as held_out_low,
    score_high(best.held_out, best.held_out_error, best.held_out_n, t_factors.t) as held_out_high,
    best.in_sample - best.held_out as optimism,
    best.multiplier_first,
    best.multiplier_second,
    best.held_out_n as n,
    best.n_failed,
    best.n_failed = 0 and best.n_missing = 0 and coalesce(absent.n_absent, 0) = 0 as complete,
    best.behaviour,
    best.coherence,
    best.held_out_behaviour,
    best.held_out_coherence,
    asked.fit_concept,
    asked.fit_variant,
    asked.role,
    asked.seed,
    asked.norm,
    asked.operator,
    asked.scope,
    $objective as objective,
    best.n_multipliers,
    asked.behaviour_id as behaviour_scorer_id,
    asked.coherence_id as coherence_scorer_id,
    asked.run_id
from asked
inner join best using (run_id, behaviour_id, coherence_id)
left join t_factors on t_factors.held_out_n = best.held_out_n
left join absent on absent.run_id = best.run_id and absent.layer = best.layer
where $layer is null or best.layer = $layer
order by
    asked.model, asked.concept, asked.prompt_set, asked.behaviour_scorer, asked.coherence_scorer,
    best.held_out desc nulls last, asked.method, best.layer, asked.run_id, asked.behaviour_id,
    asked.coherence_id
