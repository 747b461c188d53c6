-- question: Does a vector do more than asking does, and is it the more reliable of the two?
-- grain: run, layer, prompt
-- source: prompting as the baseline that steering has to beat: Wu et al. 2025 (AxBench, arXiv
--   2501.17148); here on the same items, (positive persona - negative persona) / 2 in logits (view
--   prompt_baseline) against the slope, which is the effect of multiplier 1 to either side. Paired by
--   question; the ratio by Fieller 1954. It needs the unsteered answers under both personas: a run with
--   `--variant system_positive --variant system_negative` (or user_...) beside base
-- params:
--   filters
--   variant           varchar                base  prompt variant that the steered questions are asked under
--   split             train|validation|test  test  split that is reported
--   layer             layer                  best  one layer, or `best` = the one that validation chose; null = all
--   multiplier_bound  positive               1.5   slopes are fitted over abs(multiplier) up to this
--   confidence        fraction               0.95  level of the intervals
-- columns:
--   model                    model
--   concept                  concept that the questions ask about
--   method                   how the vector was fitted
--   layer                    decoder block whose output is steered
--   prompt                   where the persona is asserted: system or user
--   prompt_effect            mean effect of asking, logits
--   prompt_low               lower end of its cluster-t interval by question
--   prompt_high              upper end
--   steerability             mean slope over the same items, logits per multiplier
--   difference               steerability - prompt_effect: what multiplier 1 does beyond asking
--   difference_low           lower end of its paired cluster-t interval by question
--   difference_high          upper end
--   equal_multiplier         multiplier that does as much as asking, prompt_effect / abs(steerability); null
--     where steerability cannot be told from 0
--   prompt_wrong_fraction    share of items that asking moves the wrong way, by slope_floor or more
--   anti_steerable_fraction  share of the same items that the vector moves the wrong way
--   complete                 false where an asked measurement of the run is missing
-- further columns:
--   p                        two-sided p of no difference
--   p_holm                   p after Holm's correction over this table (Holm 1979)
--   equal_multiplier_low     lower end of the Fieller interval
--   equal_multiplier_high    upper end
--   prompt_wrong_low         lower end of the interval of prompt_wrong_fraction (fraction_low)
--   prompt_wrong_high        upper end
--   anti_steerable_low       lower end of the interval of anti_steerable_fraction
--   anti_steerable_high      upper end
--   correlation              correlation of the two effects over items: do they fail on the same ones?
--   fit_variant              variant the vector was fitted on
--   variant                  variant the steered questions are asked under
--   seed                     seed of the vector, null where none is used
--   norm                     how the vector was scaled
--   operator                 how it was applied
--   scope                    where it was applied
--   split                    split that is reported
--   n_items                  items with both effects
--   n_questions              questions they belong to
--   n_multipliers            multipliers behind a slope (the fewest over items)
--   multiplier_bound         slopes are fitted over abs(multiplier) up to this
--   run_id                   the run

with
asked as materialized (
    from asked_cards($experiment, $model, $concept, $method, 'fitted', $layer)
    where
        resample is null
        and variant = $variant
        and (fit_dataset_ids is null or list_contains(fit_dataset_ids, dataset_id))
),

both_effects as (
    select
        slopes.run_id,
        slopes.layer,
        prompt_baseline.prompt,
        slopes.question_id,
        slopes.n_multipliers,
        slopes.slope_floor,
        slopes.slope,
        slopes.anti_steerable,
        prompt_baseline.prompt_effect,
        prompt_baseline.prompt_effect <= -slopes.slope_floor as is_wrong
    from item_slope_within($multiplier_bound) as slopes
    inner join asked using (run_id)
    inner join evaluation on evaluation.evaluation_id = asked.evaluation_id
    inner join prompt_baseline
        on
            prompt_baseline.model_id = asked.model_id
            and prompt_baseline.dataset_id = asked.dataset_id
            and prompt_baseline.score = evaluation.score
            and prompt_baseline.split = $split
            and prompt_baseline.item_id = slopes.item_id
    where slopes.split = $split and is_layer(slopes.layer, $layer, asked.chosen_layer)
),

questions as (
    select
        run_id,
        layer,
        prompt,
        question_id,
        count(*) as n,
        sum(slope) as slope,
        sum(prompt_effect) as prompt_effect,
        sum(anti_steerable::integer) as anti_steerable,
        sum(is_wrong::integer) as wrong
    from both_effects
    group by run_id, layer, prompt, question_id
),

over_items as (
    select
        run_id,
        layer,
        prompt,
        min(n_multipliers) as n_multipliers,
        any_value(slope_floor) as slope_floor,
        corr(slope, prompt_effect) as correlation
    from both_effects
    group by run_id, layer, prompt
),

means as (
    select
        run_id,
        layer,
        prompt,
        sum(n)::bigint as n_items,
        count(*) as n_questions,
        sum(slope) / sum(n) as steerability,
        sum(prompt_effect) / sum(n) as prompt_effect,
        cluster_standard_error(slope, n) as slope_error,
        cluster_standard_error(prompt_effect, n) as prompt_error,
        cluster_covariance(prompt_effect, n, slope, n) as covariance,
        cluster_standard_error(slope - prompt_effect, n) as difference_error,
        sum(anti_steerable) / sum(n) as anti_steerable_fraction,
        effective_number(anti_steerable, n) as effective_anti,
        sum(wrong) / sum(n) as wrong_fraction,
        effective_number(wrong, n) as effective_wrong
    from questions
    group by run_id, layer, prompt
),

t_factors as (
    select n_questions, t_factor($confidence, n_questions) as t
    from (select distinct n_questions from means)
),

tested as (
    select
        means.*,
        t_factors.t,
        over_items.n_multipliers,
        if(isfinite(over_items.correlation), over_items.correlation, null) as correlation,
        difference_p(
            steerability - prompt_effect, difference_error, n_questions - 1, over_items.slope_floor
        ) as p
    from means
    inner join over_items using (run_id, layer, prompt)
    left join t_factors using (n_questions)
),

holm as (
    select id.*, p_holm
    from holm_values((
        select list({
            'id': {'run_id': run_id, 'layer': layer, 'prompt': prompt}, 'family': 0, 'p': p
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
    tested.prompt,
    tested.prompt_effect,
    tested.prompt_effect - t * prompt_error as prompt_low,
    tested.prompt_effect + t * prompt_error as prompt_high,
    tested.steerability,
    tested.steerability - tested.prompt_effect as difference,
    tested.steerability - tested.prompt_effect - t * difference_error as difference_low,
    tested.steerability - tested.prompt_effect + t * difference_error as difference_high,
    relative_to(prompt_effect, steerability, slope_error * slope_error, t) as equal_multiplier,
    tested.wrong_fraction as prompt_wrong_fraction,
    tested.anti_steerable_fraction,
    coalesce(missing.n_missing, 0) = 0 as complete,
    tested.p,
    holm.p_holm,
    relative_low(
        prompt_effect, prompt_error * prompt_error, steerability, slope_error * slope_error,
        covariance, t
    ) as equal_multiplier_low,
    relative_high(
        prompt_effect, prompt_error * prompt_error, steerability, slope_error * slope_error,
        covariance, t
    ) as equal_multiplier_high,
    fraction_low(wrong_fraction, effective_wrong, t) as prompt_wrong_low,
    fraction_high(wrong_fraction, effective_wrong, t) as prompt_wrong_high,
    fraction_low(anti_steerable_fraction, effective_anti, t) as anti_steerable_low,
    fraction_high(anti_steerable_fraction, effective_anti, t) as anti_steerable_high,
    tested.correlation,
    asked.fit_variant,
    asked.variant,
    asked.seed,
    asked.norm,
    asked.operator,
    asked.scope,
    $split as split,
    tested.n_items,
    tested.n_questions,
    tested.n_multipliers,
    $multiplier_bound::double as multiplier_bound,
    asked.run_id
from tested
inner join asked using (run_id)
left join holm using (run_id, layer, prompt)
left join missing on missing.run_id = tested.run_id and missing.layer = tested.layer
order by
    asked.model, asked.concept, asked.method, tested.layer, asked.fit_variant, asked.scope,
    asked.seed, asked.run_id, tested.prompt
