-- question: Chalnev et al. 2024, Table 2: what is the best behaviour x coherence of each task and method here, and what is it there?
-- grain: run on a prompt set, layer, scorer of behaviour, scorer of coherence; an average over concepts for each method; published values that nothing here answers have a row too
-- source: Chalnev, Siu and Conmy 2024 (arXiv 2411.02193v2), Table 2 and section 5: largest product of means
--   over multipliers. Judge, rubric, texts and layer decide the level: compare methods, not numbers.
--   CAA there is the mean over all tokens of ten positive minus ten negative texts: methods of kind
--   mean_difference here
-- params:
--   filters
--   published         published  saets2024_table2  published values beside ours: the shipped file or one like it
--   behaviour_scorer  varchar    null              one scorer of behaviour by name; null = all
--   coherence_scorer  varchar    null              one scorer of coherence by name; null = all
--   layer             smallint   null              one layer; null = all
--   confidence        fraction   0.95              level of the interval
-- columns:
--   model                model
--   concept              concept that is scored (`saets-love` is the paper's love), or `average` over those of a method
--   published_method     CAA, SAE, SAE-TS, pseudo-inverse or rotation; null for methods the paper has not
--   method               how the vector was fitted
--   behaviour_scorer     what scores behaviour
--   coherence_scorer     what scores coherence
--   layer                decoder block whose output is steered
--   multiplier           multiplier that all rollouts choose; null for averages
--   ours                 largest product of means over multipliers, as published; null where nothing was measured
--   held_out             the same on halves that did not choose the multiplier
--   held_out_low         lower end of its interval; null for averages
--   held_out_high        upper end
--   published            the published value; of the model where it has some, else of gemma-2-2b
--   published_model      model that the published value is for
--   rank                 place of the method by held_out within model, concept, prompt set and scorers, 1 = largest
--   published_rank       place of the published method within the published row
--   complete             false where an asked rollout or a score is missing, null where nothing was measured
-- further columns:
--   prompt_set           openings that are continued
--   n_concepts           concepts behind an average, 1 elsewhere
--   n                    rollouts behind held_out
--   n_failed             rollouts that a scorer failed on
--   n_multipliers        multipliers that stood for choice, 0 included (the fewest)
--   norm                 how the vector was scaled
--   operator             how it was applied
--   scope                where it was applied
--   seed                 seed of the vector, null where none is used
--   published_source     where the published value is from
--   run_id               the run on the prompt set; null for averages

with
best as materialized (
    select
        asked.* exclude (run_id, behaviour_id, coherence_id),
        scales.*,
        case asked.method_kind
            when 'mean_difference' then 'CAA'
            when 'sae_decoder' then 'SAE'
            when 'sae_ts' then 'SAE-TS'
            when 'sae_ts_pinv' then 'pseudo-inverse'
            when 'sae_ts_rotation' then 'rotation'
        end as published_method
    from asked_scored_runs($experiment, $model, $concept, $method, 'fitted') as asked
    inner join best_scales($experiment, $model, $concept, $method, 'fitted', 'product_of_means')
        as scales using (run_id, behaviour_id, coherence_id)
    where
        ($behaviour_scorer is null or asked.behaviour_scorer = $behaviour_scorer)
        and ($coherence_scorer is null or asked.coherence_scorer = $coherence_scorer)
        and ($layer is null or scales.layer = $layer)
),

absent as (
    select run_id, layer, sum(n_absent) as n_absent
    from missing_rollouts()
    group by run_id, layer
),

t_factors as (
    select held_out_n, t_factor($confidence, held_out_n - 1) as t
    from (select distinct held_out_n from best)
),

single as (
    select
        best.model,
        best.model_id,
        best.concept,
        best.published_method,
        best.method,
        best.behaviour_scorer,
        best.coherence_scorer,
        best.layer,
        best.multiplier,
        best.in_sample as ours,
        best.held_out,
        score_low(best.held_out, best.held_out_error, best.held_out_n, t_factors.t) as held_out_low,
        score_high(best.held_out, best.held_out_error, best.held_out_n, t_factors.t)
            as held_out_high,
        best.n_failed = 0 and best.n_missing = 0 and coalesce(absent.n_absent, 0) = 0 as complete,
        best.prompt_set,
        1 as n_concepts,
        best.held_out_n as n,
        best.n_failed,
        best.n_multipliers,
        best.norm,
        best.operator,
        best.scope,
        best.seed,
        best.run_id
    from best
    left join t_factors on t_factors.held_out_n = best.held_out_n
    left join absent on absent.run_id = best.run_id and absent.layer = best.layer
),

-- with several scorers of one name or runs of one method for a concept, each concept counts once
by_concept as (
    select
        model, model_id, concept, published_method, method, behaviour_scorer, coherence_scorer,
        layer, prompt_set, norm, operator, scope, seed,
        avg(ours) as ours,
        avg(held_out) as held_out,
        bool_and(complete) as complete,
        sum(n)::bigint as n,
        sum(n_failed)::bigint as n_failed,
        min(n_multipliers) as n_multipliers
    from single
    group by all
),

average as (
    select
        model, model_id, published_method, method, behaviour_scorer, coherence_scorer, layer,
        prompt_set, norm, operator, scope, seed,
        'average' as concept,
        avg(ours) as ours,
        if(count(held_out) = count(*), avg(held_out), null) as held_out,
        bool_and(complete) as complete,
        count(*) as n_concepts,
        sum(n)::bigint as n,
        sum(n_failed)::bigint as n_failed,
        min(n_multipliers) as n_multipliers
    from by_concept
    group by
        model, model_id, published_method, method, behaviour_scorer, coherence_scorer, layer,
        prompt_set, norm, operator, scope, seed
    having count(*) > 1
),

found as (
    from single
    union all by name
    from average
),

ours as (
    select
        *,
        rank() over (
            partition by
                model_id, concept, prompt_set, behaviour_scorer, coherence_scorer, layer, operator,
                scope
            order by held_out desc nulls last
        ) as place
    from found
),

published as (
    select
        lower(concept) as concept,
        method,
        lower(model) as model,
        value::double as value,
        source,
        rank() over (partition by lower(concept), lower(model) order by value::double desc) as place
    from read_csv($published, header = true, all_varchar = true)
),

-- a model without published values of its own stands beside those of gemma-2-2b
beside as (
    select
        model,
        if(lower(model) in (select model from published), lower(model), 'gemma-2-2b')
            as published_model
    from (select distinct model from ours)
)

select
    coalesce(ours.model, published.model) as model,
    coalesce(ours.concept, published.concept) as concept,
    coalesce(ours.published_method, published.method) as published_method,
    ours.method,
    ours.behaviour_scorer,
    ours.coherence_scorer,
    ours.layer,
    ours.multiplier,
    ours.ours,
    ours.held_out,
    ours.held_out_low,
    ours.held_out_high,
    published.value as published,
    published.model as published_model,
    ours.place as rank,
    published.place as published_rank,
    ours.complete,
    ours.prompt_set,
    ours.n_concepts,
    ours.n,
    ours.n_failed,
    ours.n_multipliers,
    ours.norm,
    ours.operator,
    ours.scope,
    ours.seed,
    published.source as published_source,
    ours.run_id
from ours
left join beside on beside.model = ours.model
full join published
    on
        published.concept = regexp_replace(lower(ours.concept), '^saets-', '')
        and published.method = ours.published_method
        and published.model = beside.published_model
order by
    ours.model nulls last, published.model, ours.prompt_set, ours.behaviour_scorer,
    ours.coherence_scorer, coalesce(ours.concept, published.concept) = 'average',
    coalesce(ours.concept, published.concept),
    coalesce(ours.published_method, published.method) nulls last, ours.method, ours.layer,
    ours.run_id
