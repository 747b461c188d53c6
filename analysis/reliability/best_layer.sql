-- question: Which layer is the best, and what does it give on items that did not choose it?
-- grain: model, concept, method, norm, operator, scope
-- source: DESIGN 3 (`best`) and the view best_layer; Tan et al. 2024 (arXiv 2407.12404), section 3,
--   chose one layer per model by a sweep on validation items: the layer never sees the test split.
--   Where no validation split was measured (results of others) the row is cross_fitted: each half of
--   the test questions is reported at the layer that the other half chose, with 1.36 times the
--   variance, as in verdict
-- params:
--   filters
--   confidence  fraction  0.95  level of the interval
-- columns:
--   model                     model
--   concept                   concept
--   method                    how the vector was fitted
--   scope                     where it was applied
--   layer                     the layer chosen, among those whose vector is not degenerate; cross_fitted: by all
--     test items
--   chosen_by                 validation or cross_fitted
--   validation_steerability   mean slope on the validation split, logits per multiplier; null if cross_fitted
--   test_steerability         mean slope on the test split, null where it was not measured there; cross_fitted:
--     of each half at the other's layer
--   test_low                  lower end of its cluster-t interval by question
--   test_high                 upper end
--   test_best_layer           the layer that the test split would have chosen, to compare only
--   test_best_steerability    its mean slope on the test split
--   n_candidates              layers that stood for choice
--   complete                  false where an asked measurement of the choice or the report is missing
-- further columns:
--   norm                      how the vector was scaled
--   operator                  how it was applied
--   fit_variant               variant the choice was made with
--   variant                   variant it was evaluated on
--   n_validation_items        items behind the choice
--   n_test_items              items behind the report
--   n_test_questions          questions they belong to
--   n_multipliers             multipliers behind a slope (the fewest over items, both splits)
--   multiplier_bound          slopes are fitted over abs(multiplier) up to this
--   model_id                  the model
--   dataset_id                the dataset

with
choice as (
    select *, row_number() over (order by model_id, dataset_id, method, norm, operator, scope) as n
    from best_layer
),

choice_run as (
    select choice.n, choice.layer, run_card.run_id
    from choice
    inner join run_card
        on
            list_contains(choice.vector_ids, run_card.vector_id)
            and run_card.model_id = choice.model_id
            and run_card.dataset_id = choice.dataset_id
            and run_card.variant_id = choice.variant_id
            and run_card.operator = choice.operator
            and run_card.scope = choice.scope
    where run_card.run_id in (from asked_runs($experiment, $model, $concept, $method))
),

questions as (
    select
        choice_run.n as choice,
        item_slope.layer,
        item_slope.question_id,
        count(*) as n,
        count(distinct item_slope.item_id) as n_items,
        sum(item_slope.slope) as slope,
        min(item_slope.n_multipliers) as n_multipliers
    from item_slope
    inner join choice_run using (run_id)
    where item_slope.split = 'test' and item_slope.run_id in (select run_id from choice_run)
    group by choice_run.n, item_slope.layer, item_slope.question_id
),

layers as (
    select
        choice,
        layer,
        count(*) as n_questions,
        sum(n_items)::bigint as n_items,
        min(n_multipliers) as n_multipliers,
        sum(slope) / sum(n) as steerability,
        cluster_standard_error(slope, n) as standard_error
    from questions
    group by choice, layer
),

degenerate as (
    select choice_run.n as choice, vector_layer.layer
    from choice_run
    inner join run using (run_id)
    inner join vector_layer on vector_layer.vector_id = run.vector_id and vector_layer.degenerate
),

test_best as (
    select
        choice,
        arg_max(layer, steerability) as layer,
        max(steerability) as steerability
    from layers
    anti join degenerate using (choice, layer)
    group by choice
),

uncertain as (
    select run_card.*
    from run_card
    anti join best_layer
        on
            best_layer.model_id = run_card.model_id
            and best_layer.dataset_id = run_card.dataset_id
            and best_layer.method = run_card.method
            and best_layer.norm = run_card.norm
            and best_layer.operator = run_card.operator
            and best_layer.scope = run_card.scope
    where
        run_card.role = 'fitted'
        and run_card.resample is null
        and coalesce(list_contains(run_card.fit_dataset_ids, run_card.dataset_id), true)
        and run_card.run_id in (from asked_runs($experiment, $model, $concept, $method))
    qualify
        row_number() over (
            partition by model_id, dataset_id, method, norm, operator, scope
            order by
                coalesce(fit_variant_ids = [variant_id], false) desc,
                (variant = 'base') desc,
                variant,
                seed,
                run_id
        ) = 1
),

half_slopes as (
    select item_slope.*, md5(item_slope.question_id) < '8' as half
    from item_slope
    anti join vector_layer
        on
            vector_layer.vector_id = item_slope.vector_id
            and vector_layer.layer = item_slope.layer
            and vector_layer.degenerate
    where item_slope.split = 'test' and item_slope.run_id in (select run_id from uncertain)
),

half_means as (
    select run_id, layer, unnest([true, false]) as half, whole, unnest([other, own]) as other_mean
    from (
        select
            run_id,
            layer,
            avg(slope) as whole,
            avg(slope) filter (where half) as own,
            avg(slope) filter (where not half) as other
        from half_slopes
        group by run_id, layer
    )
),

half_choice as (
    select run_id, half, layer
    from half_means
    qualify
        row_number() over (
            partition by run_id, half order by round(other_mean, 6) desc nulls last, layer
        ) = 1
),

crossed_questions as (
    select
        half_slopes.run_id,
        half_slopes.question_id,
        count(*) as n,
        sum(half_slopes.slope) as slope,
        min(half_slopes.n_multipliers) as n_multipliers,
        any_value(half_slopes.multiplier_bound) as multiplier_bound
    from half_slopes
    inner join half_choice using (run_id, half, layer)
    group by half_slopes.run_id, half_slopes.question_id
),

whole as (
    select
        run_id,
        arg_min(layer, (-round(whole, 6), layer)) as layer,
        max(whole) as steerability,
        count(distinct layer) as n_candidates
    from half_means
    group by run_id
),

crossed_missing as (
    select run_id, sum(n_missing) as n_missing
    from coverage
    where split = 'test' and run_id in (select run_id from uncertain)
    group by run_id
),

crossed as (
    select
        run_id,
        count(*) as n_questions,
        sum(n)::bigint as n_items,
        min(n_multipliers) as n_multipliers,
        any_value(multiplier_bound) as multiplier_bound,
        sum(slope) / sum(n) as steerability,
        sqrt(1.36) * cluster_standard_error(slope, n) as standard_error
    from crossed_questions
    group by run_id
),

missing as (
    select choice_run.n as choice, coverage.layer, sum(coverage.n_missing) as n_missing
    from coverage
    inner join choice_run using (run_id)
    where coverage.split = 'test'
    group by choice_run.n, coverage.layer
)

select
    choice.model,
    choice.concept,
    choice.method,
    choice.scope,
    choice.layer,
    'validation' as chosen_by,
    choice.steerability as validation_steerability,
    layers.steerability as test_steerability,
    layers.steerability
    - t_factor($confidence, layers.n_questions) * layers.standard_error as test_low,
    layers.steerability
    + t_factor($confidence, layers.n_questions) * layers.standard_error as test_high,
    test_best.layer as test_best_layer,
    test_best.steerability as test_best_steerability,
    choice.n_candidates,
    choice.complete and coalesce(missing.n_missing, 0) = 0 as complete,
    choice.norm,
    choice.operator,
    choice.fit_variant,
    choice.variant,
    choice.n_items as n_validation_items,
    coalesce(layers.n_items, 0) as n_test_items,
    coalesce(layers.n_questions, 0) as n_test_questions,
    least(choice.n_multipliers, layers.n_multipliers) as n_multipliers,
    choice.multiplier_bound,
    choice.model_id,
    choice.dataset_id
from choice
left join layers on layers.choice = choice.n and layers.layer = choice.layer
left join test_best on test_best.choice = choice.n
left join missing on missing.choice = choice.n and missing.layer = choice.layer
where choice.n in (select n from choice_run)
union all by name
select
    uncertain.model,
    uncertain.concept,
    uncertain.method,
    uncertain.scope,
    whole.layer,
    'cross_fitted' as chosen_by,
    crossed.steerability as test_steerability,
    crossed.steerability
    - t_factor($confidence, crossed.n_questions) * crossed.standard_error as test_low,
    crossed.steerability
    + t_factor($confidence, crossed.n_questions) * crossed.standard_error as test_high,
    whole.layer as test_best_layer,
    whole.steerability as test_best_steerability,
    whole.n_candidates,
    coalesce(crossed_missing.n_missing, 0) = 0 as complete,
    uncertain.norm,
    uncertain.operator,
    uncertain.fit_variant,
    uncertain.variant,
    crossed.n_items as n_test_items,
    crossed.n_questions as n_test_questions,
    crossed.n_multipliers,
    crossed.multiplier_bound,
    uncertain.model_id,
    uncertain.dataset_id
from uncertain
inner join crossed using (run_id)
inner join whole using (run_id)
left join crossed_missing using (run_id)
order by
    model, concept, method, scope, norm, operator, dataset_id
