-- question: Which vectors and multipliers show more of the behaviour than any that read as well?
-- grain: run on a prompt set, layer, multiplier, scorer of behaviour, scorer of coherence
-- source: Pareto dominance among the points of one model, concept, prompt set and pair of scorers: as much
--   of both means and more of one. Chalnev, Siu and Conmy 2024 (arXiv 2411.02193) draw the same points
-- params:
--   filters
--   layer       smallint       null    one layer; null = all
--   unit        sample|prompt  sample  what is drawn anew: other samples of the same prompts, or other prompts too
--   confidence  fraction       0.95    level of the intervals behind clearly_dominated
-- columns:
--   model              model
--   concept            concept that is scored: the scorer's own, else the one the vector was fitted on
--   prompt_set         openings that are continued
--   behaviour_scorer   what scores behaviour
--   coherence_scorer   what scores coherence
--   method             how the vector was fitted
--   layer              decoder block whose output is steered
--   multiplier         signed factor on the vector; 0 = the rollouts without steering
--   behaviour          mean score of behaviour
--   coherence          mean score of coherence
--   on_front           whether no other point dominates it
--   n_dominating       points that have as much of both and more of one
--   clearly_dominated  whether some point's intervals lie above those of this one in both scores
--   dominating_method  method of the dominating point of largest product, null on the front
--   n                  rollouts with both scores
--   complete           false where an asked rollout or a score is missing, failed ones included
-- further columns:
--   dominating_multiplier  multiplier of that point
--   product_of_means     behaviour * coherence
--   n_failed             rollouts that a scorer failed on
--   fit_concept          concept the vector was fitted on, null where it was fitted on none
--   fit_variant          variant it was fitted on
--   seed                 seed of the vector, null where none is used
--   norm                 how the vector was scaled
--   operator             how it was applied
--   scope                where it was applied
--   n_multipliers        multipliers of the run at the layer, 0 included
--   behaviour_scorer_id  the scorer with its parameters: table scorer
--   coherence_scorer_id  the scorer with its parameters: table scorer
--   run_id               the run on the prompt set

with
asked as materialized (
    from asked_scored_runs($experiment, $model, $concept, $method, 'fitted')
),

measured as materialized (
    from score_points($experiment, $model, $concept, $method, 'fitted', $unit)
    where n > 0 and ($layer is null or layer = $layer)
),

t_factors as (
    select n_clusters, t_factor($confidence, n_clusters) as t
    from (select distinct n_clusters from measured)
),

point as materialized (
    select
        asked.*,
        measured.* exclude (run_id, behaviour_id, coherence_id),
        row_number() over () as place,
        dense_rank() over (
            order by
                asked.model_id, asked.concept, asked.prompt_set_id, asked.behaviour_id,
                asked.coherence_id
        ) as field,
        -- rounded, so that the order of adding up decides nothing
        round(measured.behaviour, 9) as b,
        round(measured.coherence, 9) as c,
        score_low(measured.behaviour, measured.behaviour_error, measured.n_clusters, t) as b_low,
        score_high(measured.behaviour, measured.behaviour_error, measured.n_clusters, t) as b_high,
        score_low(measured.coherence, measured.coherence_error, measured.n_clusters, t) as c_low,
        score_high(measured.coherence, measured.coherence_error, measured.n_clusters, t) as c_high
    from asked
    inner join measured using (run_id, behaviour_id, coherence_id)
    left join t_factors using (n_clusters)
),

dominated as (
    select
        point.place,
        count(*) as n_dominating,
        bool_or(other.b_low > point.b_high and other.c_low > point.c_high) as clearly,
        max_by(
            {'method': other.method, 'multiplier': other.multiplier},
            (other.product_of_means, -abs(other.multiplier), -other.place)
        ) as best
    from point
    inner join point as other
        on
            other.field = point.field
            and other.b >= point.b
            and other.c >= point.c
            and (other.b > point.b or other.c > point.c)
    group by point.place
)

select
    point.model,
    point.concept,
    point.prompt_set,
    point.behaviour_scorer,
    point.coherence_scorer,
    point.method,
    point.layer,
    point.multiplier,
    point.behaviour,
    point.coherence,
    dominated.place is null as on_front,
    coalesce(dominated.n_dominating, 0) as n_dominating,
    coalesce(dominated.clearly, false) as clearly_dominated,
    dominated.best.method as dominating_method,
    point.n,
    point.n = point.n_rollouts and coalesce(absent.n_absent, 0) = 0 as complete,
    dominated.best.multiplier as dominating_multiplier,
    point.product_of_means,
    point.n_failed,
    point.fit_concept,
    point.fit_variant,
    point.seed,
    point.norm,
    point.operator,
    point.scope,
    count(*) over (
        partition by point.run_id, point.layer, point.behaviour_id, point.coherence_id
    ) as n_multipliers,
    point.behaviour_id as behaviour_scorer_id,
    point.coherence_id as coherence_scorer_id,
    point.run_id
from point
left join dominated using (place)
left join missing_rollouts() as absent
    on
        absent.run_id = point.run_id
        and absent.layer = point.layer
        and absent.multiplier = point.multiplier
order by
    point.model, point.concept, point.prompt_set, point.behaviour_scorer, point.coherence_scorer,
    n_dominating, point.behaviour desc, point.method, point.layer, point.multiplier, point.run_id,
    point.behaviour_id, point.coherence_id
