-- A concept on one line per model and method: the layer that validation chose, and what the test
-- split says at that layer, under the variants that the choice was made on.
create view concept_card as
with test as (
    select
        steerability.* exclude (fit_variant, complete),
        best_layer.fit_variant,
        if(best_layer.cross_fitted, null, best_layer.steerability) as validation_steerability,
        best_layer.cross_fitted,
        best_layer.complete and steerability.complete as complete
    from best_layer
    inner join steerability
        on
            steerability.model_id = best_layer.model_id
            and steerability.dataset_id = best_layer.dataset_id
            and steerability.variant_id = best_layer.variant_id
            and list_contains(best_layer.vector_ids, steerability.vector_id)
            and steerability.operator = best_layer.operator
            and steerability.scope = best_layer.scope
            and steerability.layer = best_layer.layer
    where steerability.split = 'test'
),

nulls as (
    select
        test.run_id,
        count(*) as n_nulls,
        avg(steerability.steerability) as mean_null,
        stddev_samp(steerability.steerability) as sd_null
    from test
    inner join steerability
        on
            steerability.evaluation_id = test.evaluation_id
            and steerability.operator = test.operator
            and steerability.scope = test.scope
            and steerability.split = test.split
            and steerability.layer = test.layer
    inner join run_card on run_card.run_id = steerability.run_id
    where
        steerability.role = 'null'
        and coalesce(
            run_card.parent_vector_id = test.vector_id,
            steerability.norm = test.norm
        )
    group by test.run_id
)

select
    test.model_id,
    test.dataset_id,
    test.model,
    test.concept,
    test.method,
    test.norm,
    test.operator,
    test.scope,
    test.seed,
    test.fit_variant,
    test.variant,
    test.run_id,
    test.layer,
    test.cross_fitted,
    test.validation_steerability,
    test.n_items,
    test.n_questions,
    test.n_multipliers,
    test.multiplier_bound,
    test.steerability,
    test.sd_slope,
    test.median_slope,
    test.anti_steerable_fraction,
    test.unmoved_fraction,
    test.anti_steerable_fraction_tan,
    test.r2,
    test.mean_baseline_logit_diff,
    bias.letter_share,
    bias.yes_no_share,
    coalesce(nulls.n_nulls, 0) as n_nulls,
    nulls.mean_null,
    nulls.sd_null,
    test.complete
from test
left join bias
    on bias.run_id = test.run_id and bias.split = test.split and bias.layer = test.layer
left join nulls on nulls.run_id = test.run_id;
