-- question: How much of the behaviour do steered rollouts show, how well do they still read, and what is the product of both?
-- grain: run on a prompt set, layer, multiplier, scorer of behaviour, scorer of coherence
-- source: product of means: Chalnev, Siu and Conmy 2024 (arXiv 2411.02193), whose code averages both
--   ratings apart and multiplies; its interval by the delta method. Mean of products: the same rollout
--   must show both. t intervals (warehouse/macros/scores.sql) over samples, or over prompts
-- params:
--   filters
--   role        fitted|null    fitted  vectors: fitted, or null (random ones: the yardstick)
--   layer       smallint       null    one layer; null = all
--   unit        sample|prompt  sample  what is drawn anew: other samples of the same prompts, or other prompts too
--   confidence  fraction       0.95    level of the intervals
-- columns:
--   model                  model
--   concept                concept that is scored: the scorer's own, else the one the vector was fitted on
--   method                 how the vector was fitted
--   prompt_set             openings that are continued
--   behaviour_scorer       what scores behaviour
--   coherence_scorer       what scores coherence
--   layer                  decoder block whose output is steered
--   multiplier             signed factor on the vector; 0 = the rollouts without steering
--   behaviour              mean score of behaviour
--   behaviour_low          lower end of its interval
--   behaviour_high         upper end
--   coherence              mean score of coherence
--   coherence_low          lower end of its interval
--   coherence_high         upper end
--   product_of_means       behaviour * coherence, as published
--   product_of_means_low   lower end of its interval
--   product_of_means_high  upper end
--   mean_of_products       mean over rollouts of the product of both scores
--   mean_of_products_low   lower end of its interval
--   mean_of_products_high  upper end
--   n                      rollouts with both scores
--   n_failed               rollouts that a scorer failed on: no means have them
--   complete               false where an asked rollout or a score is missing, failed ones included
-- further columns:
--   fit_concept            concept the vector was fitted on, null where it was fitted on none
--   fit_variant            variant it was fitted on
--   role                   fitted, or null
--   seed                   seed of the vector, null where none is used
--   norm                   how the vector was scaled
--   operator               how it was applied
--   scope                  where it was applied
--   n_rollouts             rollouts that are there
--   n_clusters             samples, or prompts, that the intervals go by
--   n_multipliers          multipliers of the run at the layer, 0 included
--   behaviour_scorer_id    the scorer with its parameters: table scorer
--   coherence_scorer_id    the scorer with its parameters: table scorer
--   run_id                 the run on the prompt set

with
asked as materialized (
    from asked_scored_runs($experiment, $model, $concept, $method, $role)
),

point as materialized (
    from score_points($experiment, $model, $concept, $method, $role, $unit)
),

t_factors as (
    select n_clusters, t_factor($confidence, n_clusters) as t
    from (select distinct n_clusters from point)
)

select
    asked.model,
    asked.concept,
    asked.method,
    asked.prompt_set,
    asked.behaviour_scorer,
    asked.coherence_scorer,
    point.layer,
    point.multiplier,
    point.behaviour,
    score_low(point.behaviour, point.behaviour_error, point.n_clusters, t) as behaviour_low,
    score_high(point.behaviour, point.behaviour_error, point.n_clusters, t) as behaviour_high,
    point.coherence,
    score_low(point.coherence, point.coherence_error, point.n_clusters, t) as coherence_low,
    score_high(point.coherence, point.coherence_error, point.n_clusters, t) as coherence_high,
    point.product_of_means,
    score_low(point.product_of_means, point.product_of_means_error, point.n_clusters, t)
        as product_of_means_low,
    score_high(point.product_of_means, point.product_of_means_error, point.n_clusters, t)
        as product_of_means_high,
    point.mean_of_products,
    score_low(point.mean_of_products, point.mean_of_products_error, point.n_clusters, t)
        as mean_of_products_low,
    score_high(point.mean_of_products, point.mean_of_products_error, point.n_clusters, t)
        as mean_of_products_high,
    point.n,
    point.n_failed,
    point.n = point.n_rollouts and coalesce(absent.n_absent, 0) = 0 as complete,
    asked.fit_concept,
    asked.fit_variant,
    asked.role,
    asked.seed,
    asked.norm,
    asked.operator,
    asked.scope,
    point.n_rollouts,
    point.n_clusters,
    count(*) over (
        partition by point.run_id, point.layer, point.behaviour_id, point.coherence_id
    ) as n_multipliers,
    asked.behaviour_id as behaviour_scorer_id,
    asked.coherence_id as coherence_scorer_id,
    asked.run_id
from asked
inner join point using (run_id, behaviour_id, coherence_id)
left join t_factors using (n_clusters)
left join missing_rollouts() as absent
    on
        absent.run_id = point.run_id
        and absent.layer = point.layer
        and absent.multiplier = point.multiplier
where $layer is null or point.layer = $layer
order by
    asked.model, asked.concept, asked.prompt_set, asked.behaviour_scorer, asked.coherence_scorer,
    asked.method, point.layer, point.multiplier, asked.run_id, asked.behaviour_id,
    asked.coherence_id
