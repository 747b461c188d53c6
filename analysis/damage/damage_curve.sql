-- question: What does each vector do to texts that have nothing to do with it, and how strongly may it be applied before that passes a bound?
-- grain: run on a text set, layer, multiplier
-- source: KL divergence (Kullback and Leibler 1951) of the next-token distribution from the unsteered
--   one, and the rise of cross-entropy on the texts' own tokens: each a mean over the tokens of a text
--   but the first, and over texts, every position being steered; cluster t with the text as cluster
-- params:
--   filters
--   role        fitted|null            fitted  vectors: fitted, or null (random ones: the yardstick)
--   layer       layer                  null    one layer, or `best` = the one that validation chose; null = all
--   measure     kl|cross_entropy_rise  kl      damage that the bound is about
--   bound       positive               0.5     damage that is still borne, nats
--   confidence  fraction               0.95    level of the intervals
-- columns:
--   model                    model
--   fit_concept              concept the vector was fitted on
--   method                   how the vector was fitted
--   text_set                 texts that are read
--   layer                    decoder block whose output is steered, at every position
--   multiplier               signed factor on the vector, null where the operator has none (ablate)
--   kl                       mean over texts of KL(unsteered || steered), nats a token
--   kl_low                   lower end of its t interval by text
--   kl_high                  upper end
--   cross_entropy_rise       mean over texts of steered minus unsteered cross-entropy, nats a token
--   cross_entropy_rise_low   lower end of its t interval by text
--   cross_entropy_rise_high  upper end
--   random_kl                mean kl of the random nulls of the vector there, null where there are none
--   bound_below              multiplier below 0 at which the measure first reaches the bound, linear between measured ones; null where it never does
--   bound_above              the same above 0
--   complete                 false where an asked text is missing
-- further columns:
--   fit_variant              variant it was fitted on
--   role                     fitted, or null
--   seed                     seed of the vector, null where none is used
--   norm                     how the vector was scaled
--   operator                 how it was applied
--   scope                    where it was applied
--   cross_entropy            mean over texts of the unsteered cross-entropy, nats a token
--   degenerate               vector shorter than 1e-4 of the residual norm
--   random_n                 random nulls measured there
--   n_texts                  texts
--   n_tokens                 tokens with one before them
--   n_multipliers            nonzero multipliers measured at the layer; 1 where the operator has none
--   bound                    damage that is still borne, nats
--   run_id                   the run on the text set

with
asked as materialized (
    from asked_damage($experiment, $model, $concept, $method, $role, $layer)
),

over_texts as (
    select
        run_id,
        layer,
        multiplier,
        count(*) as n_texts,
        sum(n_tokens)::bigint as n_tokens,
        avg(kl) as kl,
        cluster_standard_error(kl, 1) as kl_error,
        avg(cross_entropy_rise) as cross_entropy_rise,
        cluster_standard_error(cross_entropy_rise, 1) as rise_error,
        avg(cross_entropy) as cross_entropy
    from text_damage
    group by run_id, layer, multiplier
),

t_factors as (
    select n_texts, t_factor($confidence, n_texts) as t
    from (select distinct n_texts from over_texts)
),

random_null as (
    select
        asked.run_id,
        over_texts.layer,
        over_texts.multiplier,
        count(*) as random_n,
        avg(over_texts.kl) as random_kl
    from asked
    inner join companion_run
        on companion_run.run_id = asked.run_id and companion_run.kind = 'random'
    inner join over_texts on over_texts.run_id = companion_run.companion_run_id
    group by asked.run_id, over_texts.layer, over_texts.multiplier
),

missing as (
    select run_id, layer, multiplier, sum(n_missing) as n_missing
    from coverage
    where split = 'text'
    group by run_id, layer, multiplier
)

select
    asked.model,
    asked.fit_concept,
    asked.method,
    asked.text_set,
    over_texts.layer,
    if(asked.graded, over_texts.multiplier, null) as multiplier,
    over_texts.kl,
    greatest(0, over_texts.kl - t_factors.t * over_texts.kl_error) as kl_low,
    over_texts.kl + t_factors.t * over_texts.kl_error as kl_high,
    over_texts.cross_entropy_rise,
    over_texts.cross_entropy_rise - t_factors.t * over_texts.rise_error as cross_entropy_rise_low,
    over_texts.cross_entropy_rise + t_factors.t * over_texts.rise_error as cross_entropy_rise_high,
    random_null.random_kl,
    below.multiplier as bound_below,
    above.multiplier as bound_above,
    over_texts.n_texts = text_set.n_texts and coalesce(missing.n_missing, 0) = 0 as complete,
    asked.fit_variant,
    asked.role,
    asked.seed,
    asked.norm,
    asked.operator,
    asked.scope,
    over_texts.cross_entropy,
    vector_layer.degenerate,
    coalesce(random_null.random_n, 0) as random_n,
    over_texts.n_texts,
    over_texts.n_tokens,
    count(*) filter (where over_texts.multiplier <> 0)
        over (partition by asked.run_id, over_texts.layer) as n_multipliers,
    $bound::double as bound,
    asked.run_id
from asked
inner join over_texts using (run_id)
inner join t_factors using (n_texts)
inner join text_set using (text_set_id)
left join damage_crossing($bound, $measure) as below
    on below.run_id = asked.run_id and below.layer = over_texts.layer and below.side = -1
left join damage_crossing($bound, $measure) as above
    on above.run_id = asked.run_id and above.layer = over_texts.layer and above.side = 1
left join random_null
    on
        random_null.run_id = asked.run_id
        and random_null.layer = over_texts.layer
        and random_null.multiplier = over_texts.multiplier
left join missing
    on
        missing.run_id = asked.run_id
        and missing.layer = over_texts.layer
        and missing.multiplier = over_texts.multiplier
left join vector_layer
    on vector_layer.vector_id = asked.vector_id and vector_layer.layer = over_texts.layer
where is_layer(over_texts.layer, $layer, asked.chosen_layer)
order by
    asked.model, asked.fit_concept, asked.method, asked.text_set, over_texts.layer,
    over_texts.multiplier, asked.fit_variant, asked.seed, asked.run_id
