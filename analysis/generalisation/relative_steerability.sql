-- question: Does a vector steer under another prompt variant as well as the vector made for it, or as at home?
-- grain: run, reference run, layer
-- source: Tan et al. 2024 (arXiv 2407.12404), section 5: s(v_A, D_B) / abs(s(v_B, D_B)), kept where
--   s(v_B, D_B) > 0.25; here beside it Fieller's interval (1954), paired by question: the ratio is
--   stated only where the denominator is told from 0, for near 0 it says nothing
-- params:
--   filters
--   reference         target|source          target  what A's vector on variant B is compared with: `target` = B's own vector on B, `source` = A's vector on A
--   split             train|validation|test  test    split that is reported
--   layer             layer                  null    one layer, or `best` = the one that validation chose; null = all
--   items             all|without_leaked|without_low_confidence|without_both  all  which items count: `without_leaked` leaves out
--     questions that the vector was fitted on, `without_low_confidence` labels below .8
--   multiplier_bound  positive               1.5     slopes are fitted over abs(multiplier) up to this
--   confidence        fraction               0.95    level of the intervals and of telling the denominator from 0
-- columns:
--   model                      model
--   concept                    concept that is fitted on and asked about
--   method                     how the vectors were fitted
--   layer                      decoder block whose output is steered
--   fit_variant                variant A that the vector was fitted on
--   variant                    variant B that the questions are asked under
--   steerability               its mean slope, logits per multiplier
--   reference_steerability     that of the reference, on the same questions
--   relative_steerability      steerability / abs(reference_steerability), null where the denominator is unclear
--   relative_low               lower end of its Fieller interval
--   relative_high              upper end
--   denominator                `clear`, or `unclear` where its interval holds 0 and every ratio fits
--   relative_tan               the ratio by the paper's rule: only where reference_steerability > 0.25
--   difference                 steerability - reference_steerability
--   difference_low             lower end of its paired cluster-t interval by question
--   difference_high            upper end
--   difference_q               Benjamini-Hochberg q of difference_p over this table
--   complete                   false where an asked measurement is missing, here or of the reference
-- further columns:
--   difference_p               two-sided p of no difference (paired cluster t); 1 where it is below slope_floor
--   seed                       seed of the vectors, null where none is used
--   norm                       how the vectors were scaled
--   operator                   how they were applied
--   scope                      where they were applied
--   split                      split that is reported
--   n_items                    items with both slopes
--   n_questions                questions they belong to
--   n_multipliers              multipliers behind a slope (the fewest over items)
--   multiplier_bound           slopes are fitted over abs(multiplier) up to this
--   standard_error             standard error of steerability, CR1 by question
--   reference_standard_error   that of reference_steerability
--   correlation                correlation of the two sampling errors
--   run_id                     the run
--   reference_run_id           the run of the reference

with
asked as materialized (
    select card.*, run.parameters
    from asked_cards($experiment, $model, $concept, $method, 'fitted', $layer) as card
    inner join run using (run_id)
    where card.resample is null and card.fit_dataset_ids = [card.dataset_id]
),

pair as (
    select asked.run_id, reference.run_id as reference_run_id
    from asked
    inner join asked as reference
        using (model_id, dataset_id, method, norm, operator, parameters, scope)
    where
        reference.seed is not distinct from asked.seed
        and reference.fit_variant_ids = [reference.variant_id]
        and reference.run_id <> asked.run_id
        and if(
            $reference = 'target',
            reference.evaluation_id = asked.evaluation_id,
            reference.vector_id = asked.vector_id
        )
),

question as materialized (
    from asked_question_slopes(
        $experiment, $model, $concept, $method, 'fitted', $split, $layer, $multiplier_bound,
        items := $items
    )
),

compared as (
    select
        pair.run_id,
        pair.reference_run_id,
        here.layer,
        sum(here.n)::bigint as n_items,
        count(*) as n_questions,
        least(min(here.n_multipliers), min(there.n_multipliers)) as n_multipliers,
        sum(here.slope) / sum(here.n) as a,
        sum(there.slope) / sum(there.n) as b,
        cluster_standard_error(here.slope, here.n) as error_a,
        cluster_standard_error(there.slope, there.n) as error_b,
        cluster_covariance(here.slope, here.n, there.slope, there.n) as covariance
    from pair
    inner join question as here on here.run_id = pair.run_id
    inner join question as there
        on
            there.run_id = pair.reference_run_id
            and there.layer = here.layer
            and there.question_id = here.question_id
    group by pair.run_id, pair.reference_run_id, here.layer
),

factor as (
    select n_questions, t_factor($confidence, n_questions) as t
    from (select distinct n_questions from compared)
),

sized as (
    select
        compared.*,
        factor.t,
        error_a * error_a as variance_a,
        error_b * error_b as variance_b,
        if(
            covariance is null,
            null,
            sqrt(greatest(0, error_a * error_a + error_b * error_b - 2 * covariance))
        ) as difference_error
    from compared
    left join factor using (n_questions)
),

tested as materialized (
    select
        sized.*,
        difference_p(a - b, difference_error, n_questions - 1, slope_floor.slope_floor) as p
    from sized
    inner join asked using (run_id)
    left join slope_floor on slope_floor.model_id = asked.model_id
),

family as (
    select id.*, q
    from q_values((
        select list({
            'id': {'run_id': run_id, 'reference_run_id': reference_run_id, 'layer': layer},
            'family': 0,
            'p': p
        })
        from tested
    ))
),

missing as (
    from missing_of($experiment, $model, $concept, $method)
    where split = $split
)

select
    asked.model,
    asked.concept,
    asked.method,
    tested.layer,
    asked.fit_variant,
    asked.variant,
    tested.a as steerability,
    tested.b as reference_steerability,
    relative_to(a, b, variance_b, t) as relative_steerability,
    relative_low(a, variance_a, b, variance_b, covariance, t) as relative_low,
    relative_high(a, variance_a, b, variance_b, covariance, t) as relative_high,
    case denominator_is_clear(b, variance_b, t)
        when true then 'clear'
        when false then 'unclear'
    end as denominator,
    if(tested.b > 0.25, tested.a / abs(tested.b), null) as relative_tan,
    tested.a - tested.b as difference,
    tested.a - tested.b - tested.t * tested.difference_error as difference_low,
    tested.a - tested.b + tested.t * tested.difference_error as difference_high,
    family.q as difference_q,
    coalesce(missing.n_missing, 0) + coalesce(missing_there.n_missing, 0) = 0 as complete,
    tested.p as difference_p,
    asked.seed,
    asked.norm,
    asked.operator,
    asked.scope,
    $split as split,
    tested.n_items,
    tested.n_questions,
    tested.n_multipliers,
    $multiplier_bound::double as multiplier_bound,
    tested.error_a as standard_error,
    tested.error_b as reference_standard_error,
    tested.covariance / nullif(tested.error_a * tested.error_b, 0) as correlation,
    tested.run_id,
    tested.reference_run_id
from tested
inner join asked using (run_id)
left join family
    on
        family.run_id = tested.run_id
        and family.reference_run_id = tested.reference_run_id
        and family.layer = tested.layer
left join missing on missing.run_id = tested.run_id and missing.layer = tested.layer
left join missing as missing_there
    on missing_there.run_id = tested.reference_run_id and missing_there.layer = tested.layer
order by
    asked.model, asked.concept, asked.method, tested.layer, asked.fit_variant, asked.variant,
    asked.scope, asked.seed, tested.run_id, tested.reference_run_id
