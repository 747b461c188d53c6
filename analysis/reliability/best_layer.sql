-- question: Which layer does the validation split choose, and what does it give on the test split?
-- grain: model, concept, method, norm, operator, scope
-- source: the view best_layer (warehouse/views/best_layer.sql); Tan et al. 2024 (arXiv 2407.12404), section 3,
--   chose one layer per model by a sweep on validation items. The layer never sees the test split;
--   only where there is no validation split (results of others) the test split chooses, marked
--   cross_fitted: then test_steerability takes each half of the questions at the layer that the other
--   half chooses, as verdict does (warehouse/macros/cross_fitting.sql)
-- params:
--   filters
--   confidence  fraction  0.95  level of the interval
-- columns:
--   model                     model
--   concept                   concept
--   method                    how the vector was fitted
--   scope                     where it was applied
--   layer                     the layer chosen, among those whose vector is not degenerate
--   cross_fitted              chosen on test items, none being there for validation
--   validation_steerability   mean slope on the validation split, logits per multiplier; null where
--                             cross_fitted
--   test_steerability         mean slope on the test split, null where it was not measured there
--   test_low                  lower end of its cluster-t interval by question
--   test_high                 upper end
--   test_best_layer           the layer that the test split would have chosen, to compare only; null
--     where fewer than two layers were measured there
--   test_best_steerability    its mean slope on the test split
--   n_candidates              layers that stood for choice
--   n_test_candidates         layers measured on the test split, degenerate ones left out
--   complete                  false where an asked measurement of the choice or the report is missing
-- further columns:
--   reported_layers           layers that test_steerability is measured at: the one chosen; where
--                             cross_fitted the ones that the two halves choose
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

cross_fitted_questions as (
    select questions.*, is_first_half(questions.choice, questions.question_id) as is_first_half
    from questions
    inner join choice on choice.n = questions.choice and choice.cross_fitted
),

halves as (
    select choice, layer, is_first_half, sum(slope) as slope, sum(n) as n
    from cross_fitted_questions
    anti join degenerate using (choice, layer)
    group by choice, layer, is_first_half
),

chosen as (
    from layers_by_halves((
        select list({
            'g': choice,
            'layer': layer,
            'is_first': is_first_half,
            'slope': slope,
            'n': n,
            'degenerate': false
        })
        from halves
    ))
),

cross_fit as (
    select
        questions.choice,
        count(*) as n_questions,
        sum(questions.slope) / sum(questions.n) as steerability,
        cluster_standard_error(questions.slope, questions.n) * sqrt(cross_fit_inflation())
            as standard_error,
        list_sort(list(distinct questions.layer)) as reported_layers
    from cross_fitted_questions as questions
    inner join chosen
        on
            chosen.g = questions.choice
            and chosen.is_first = questions.is_first_half
            and chosen.layer = questions.layer
    group by questions.choice
),

reported as (
    select
        choice, layer, n_questions, steerability, standard_error, [layer] as reported_layers
    from layers
    where choice in (select n from choice where not cross_fitted)
    union all
    select
        cross_fit.choice,
        choice.layer,
        cross_fit.n_questions,
        cross_fit.steerability,
        cross_fit.standard_error,
        cross_fit.reported_layers
    from cross_fit
    inner join choice on choice.n = cross_fit.choice
),

test_best as (
    select
        choice,
        count(*) as n_layers,
        if(count(*) > 1, arg_max(layer, steerability), null) as layer,
        if(count(*) > 1, max(steerability), null) as steerability
    from layers
    anti join degenerate using (choice, layer)
    group by choice
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
    choice.cross_fitted,
    if(choice.cross_fitted, null, choice.steerability) as validation_steerability,
    reported.steerability as test_steerability,
    reported.steerability
    - t_factor($confidence, reported.n_questions) * reported.standard_error as test_low,
    reported.steerability
    + t_factor($confidence, reported.n_questions) * reported.standard_error as test_high,
    test_best.layer as test_best_layer,
    test_best.steerability as test_best_steerability,
    choice.n_candidates,
    coalesce(test_best.n_layers, 0) as n_test_candidates,
    choice.complete and coalesce(missing.n_missing, 0) = 0 as complete,
    reported.reported_layers,
    choice.norm,
    choice.operator,
    choice.fit_variant,
    choice.variant,
    if(choice.cross_fitted, 0, choice.n_items) as n_validation_items,
    coalesce(layers.n_items, 0) as n_test_items,
    coalesce(reported.n_questions, 0) as n_test_questions,
    least(choice.n_multipliers, layers.n_multipliers) as n_multipliers,
    choice.multiplier_bound,
    choice.model_id,
    choice.dataset_id
from choice
left join layers on layers.choice = choice.n and layers.layer = choice.layer
left join reported on reported.choice = choice.n and reported.layer = choice.layer
left join test_best on test_best.choice = choice.n
left join missing on missing.choice = choice.n and missing.layer = choice.layer
where choice.n in (select n from choice_run)
order by
    choice.model, choice.concept, choice.method, choice.scope, choice.norm, choice.operator,
    choice.dataset_id
