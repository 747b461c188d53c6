-- question: How does the logit difference change with the multiplier?
-- grain: run, layer, multiplier
-- source: Tan et al. 2024 (arXiv 2407.12404), section 3 (propensity curve); interval as in steerability
-- params:
--   filters
--   split       train|validation|test  test    split that is reported
--   role        fitted|null|resample   fitted  vectors: fitted, resample or null
--   layer       layer                  null    one layer, or `best` = the one that validation chose; null = all
--   confidence  fraction               0.95    level of the interval
-- columns:
--   model               model
--   concept             concept that the questions ask about
--   variant             prompt variant they are asked under
--   method              how the vector was fitted
--   layer               decoder block whose output is steered
--   multiplier          signed factor on the vector, 0 = unsteered
--   mean_logit_diff     mean over items of logit(positive) - logit(negative)
--   logit_diff_low      lower end of its cluster-t interval by question
--   logit_diff_high     upper end
--   mean_positive_prob  mean probability of the positive one of the two answers
--   positive_fraction   share of items whose positive answer is the likelier one
--   mean_answer_mass    mean p(positive) + p(negative)
--   complete            false where an asked measurement is missing
-- further columns:
--   fit_concept         concept the vector was fitted on
--   fit_variant         variant it was fitted on
--   seed                seed of the vector, null where none is used
--   resample            bootstrap draw of the training questions, null for the full fit
--   norm                how the vector was scaled
--   operator            how it was applied
--   scope               where it was applied
--   split               split that is reported
--   n_items             items measured
--   n_questions         questions they belong to
--   n_multipliers       multipliers of this run and layer, 0 included
--   multiplier_bound    largest abs(multiplier) of this run and layer
--   run_id              the run

with
asked as (
    from asked_cards($experiment, $model, $concept, $method, $role, $layer)
),

questions as (
    select
        sweep.run_id,
        sweep.layer,
        sweep.multiplier,
        sweep.question_id,
        count(*) as n,
        sum(sweep.logit_diff::double) as logit_diff,
        sum(sweep.positive_prob) as positive_prob,
        sum(sweep.chose_positive::integer) as chose_positive,
        sum(exp(sweep.answer_logmass::double)) as answer_mass
    from sweep
    inner join asked using (run_id)
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
        sum(logit_diff) / sum(n) as mean_logit_diff,
        cluster_standard_error(logit_diff, n) as standard_error,
        sum(positive_prob) / sum(n) as mean_positive_prob,
        sum(chose_positive) / sum(n) as positive_fraction,
        sum(answer_mass) / sum(n) as mean_answer_mass
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
    points.mean_logit_diff,
    points.mean_logit_diff - t_factor * standard_error as logit_diff_low,
    points.mean_logit_diff + t_factor * standard_error as logit_diff_high,
    points.mean_positive_prob,
    points.positive_fraction,
    points.mean_answer_mass,
    coalesce(missing.n_missing, 0) = 0 as complete,
    asked.fit_concept,
    asked.fit_variant,
    asked.seed,
    asked.resample,
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
    asked.scope, asked.seed, asked.resample, asked.run_id, points.multiplier
