-- question: Is the model answering at all, and does steering stop it?
-- grain: run, layer, multiplier
-- source: this project; no paper reports it
-- params:
--   filters
--   split       train|validation|test  test    split that is reported
--   role        fitted|null|resample   fitted  vectors: fitted, resample or null
--   layer       layer                  null    one layer, or `best` = the one that validation chose; null = all
--   confidence  fraction               0.95    level of the intervals
-- columns:
--   model                model
--   concept              concept that the questions ask about
--   variant              prompt variant they are asked under
--   method               how the vector was fitted
--   layer                decoder block whose output is steered
--   multiplier           signed factor on the vector, 0 = unsteered
--   mean_answer_logmass  mean log(p(positive) + p(negative)), 0 where only the two answers are likely
--   low_mass_fraction    share of items whose two answers have less than half of the probability;
--                        null for score sequence, where whole texts are unlikely whatever is said
--   mean_prefix_logprob  mean log p of what both answers begin with, unsteered: was such an answer wanted
--   complete             false where an asked measurement is missing
-- further columns:
--   answer_logmass_low   lower end of the cluster-t interval of mean_answer_logmass, by question
--   answer_logmass_high  upper end
--   low_mass_low         lower end of the interval of low_mass_fraction (fraction_low)
--   low_mass_high        upper end
--   least_answer_logmass  smallest log mass over items
--   fit_concept          concept the vector was fitted on
--   fit_variant          variant it was fitted on
--   seed                 seed of the vector, null where none is used
--   norm                 how the vector was scaled
--   operator             how it was applied
--   scope                where it was applied
--   split                split that is reported
--   n_items              items measured
--   n_questions          questions they belong to
--   n_multipliers        multipliers of this run and layer, 0 included
--   multiplier_bound     largest abs(multiplier) of this run and layer
--   run_id               the run

with
asked as (
    from asked_cards($experiment, $model, $concept, $method, $role, $layer)
),

questions as (
    select
        sweep.run_id,
        sweep.layer,
        sweep.multiplier,
        any_value(evaluation.score is distinct from 'sequence') as by_symbol,
        count(*) as n,
        sum(sweep.answer_logmass::double) as answer_logmass,
        min(sweep.answer_logmass) as least_answer_logmass,
        sum((sweep.answer_logmass < ln(0.5))::integer) as low_mass,
        count(baseline.prefix_logprob) as n_prefix,
        sum(baseline.prefix_logprob::double) as prefix_logprob
    from sweep
    inner join asked using (run_id)
    left join evaluation on evaluation.evaluation_id = sweep.evaluation_id
    left join baseline
        on
            baseline.evaluation_id = sweep.evaluation_id
            and baseline.item_id = sweep.item_id
    where sweep.split = $split and is_layer(sweep.layer, $layer, asked.chosen_layer)
    group by sweep.run_id, sweep.layer, sweep.multiplier, sweep.question_id
),

points as (
    select
        run_id,
        layer,
        multiplier,
        sum(n)::bigint as n_items,
        count(*) as n_questions,
        sum(answer_logmass) / sum(n) as mean_answer_logmass,
        cluster_standard_error(answer_logmass, n) as standard_error,
        min(least_answer_logmass) as least_answer_logmass,
        if(any_value(by_symbol), sum(low_mass) / sum(n), null) as low_mass_fraction,
        effective_number(low_mass, n) as effective_items,
        sum(prefix_logprob) / nullif(sum(n_prefix), 0) as mean_prefix_logprob
    from questions
    group by run_id, layer, multiplier
),

t_factors as (
    select n_questions, t_factor($confidence, n_questions) as t_factor
    from (select distinct n_questions from points)
),

missing as (
    select run_id, layer, multiplier, sum(n_missing) as n_missing
    from coverage
    where split = $split and run_id in (select run_id from asked)
    group by run_id, layer, multiplier
)

select
    asked.model,
    asked.concept,
    asked.variant,
    asked.method,
    points.layer,
    points.multiplier,
    points.mean_answer_logmass,
    points.low_mass_fraction,
    points.mean_prefix_logprob,
    coalesce(missing.n_missing, 0) = 0 as complete,
    points.mean_answer_logmass - t_factor * points.standard_error as answer_logmass_low,
    points.mean_answer_logmass + t_factor * points.standard_error as answer_logmass_high,
    fraction_low(points.low_mass_fraction, points.effective_items, t_factor) as low_mass_low,
    fraction_high(points.low_mass_fraction, points.effective_items, t_factor) as low_mass_high,
    points.least_answer_logmass,
    asked.fit_concept,
    asked.fit_variant,
    asked.seed,
    asked.norm,
    asked.operator,
    asked.scope,
    $split as split,
    points.n_items,
    points.n_questions,
    count(*) over (partition by points.run_id, points.layer) as n_multipliers,
    max(abs(points.multiplier)) over (partition by points.run_id, points.layer) as multiplier_bound,
    asked.run_id
from asked
inner join points using (run_id)
inner join t_factors using (n_questions)
left join missing using (run_id, layer, multiplier)
order by
    asked.model, asked.concept, asked.method, asked.fit_variant, asked.variant, points.layer,
    asked.scope, asked.seed, asked.run_id, points.multiplier
