-- question: Which layer does the validation split choose, and what does it give on the test split?
-- grain: model, concept, method, norm, operator, scope
-- source: DESIGN 3 (`best`) and the view best_layer; Tan et al. 2024 (arXiv 2407.12404), section 3,
--   chose one layer per model by a sweep on validation items. The layer never sees the test split;
--   only where there is no validation split (results of others) the test split chooses, marked
--   cross_fitted: then test_steerability takes each question at the layer that the other questions
--   choose (leaving one out, Stone 1974, J. R. Statist. Soc. B 36, 111-147), and its interval is the
--   cluster-t one over these, conditional on the layers
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
--   same_layer_fraction       where cross_fitted: share of questions without which the layer is the same
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

by_others as (
    select
        questions.choice,
        questions.question_id,
        questions.layer,
        questions.slope,
        questions.n,
        (sum(questions.slope) over one_layer - questions.slope)
        / nullif(sum(questions.n) over one_layer - questions.n, 0) as of_others
    from questions
    inner join choice on choice.n = questions.choice and choice.cross_fitted
    anti join degenerate
        on degenerate.choice = questions.choice and degenerate.layer = questions.layer
    window one_layer as (partition by questions.choice, questions.layer)
),

left_out as (
    select *
    from by_others
    qualify
        row_number() over (
            partition by choice, question_id
            order by round(of_others, 6) desc nulls last, layer
        ) = 1
),

cross_fit as (
    select
        left_out.choice,
        count(*) as n_questions,
        sum(left_out.slope) / sum(left_out.n) as steerability,
        cluster_standard_error(left_out.slope, left_out.n) as standard_error,
        avg((left_out.layer = choice.layer)::integer) as same_layer_fraction
    from left_out
    inner join choice on choice.n = left_out.choice
    group by left_out.choice
),

reported as (
    select choice, layer, n_questions, steerability, standard_error, null as same_layer_fraction
    from layers
    where choice in (select n from choice where not cross_fitted)
    union all
    select
        cross_fit.choice,
        choice.layer,
        cross_fit.n_questions,
        cross_fit.steerability,
        cross_fit.standard_error,
        cross_fit.same_layer_fraction
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
    reported.same_layer_fraction,
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
