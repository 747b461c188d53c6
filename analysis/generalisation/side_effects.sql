-- question: What does the vector of one concept do to the questions of every other concept?
-- grain: run, layer: fitted concept x concept asked about, where they differ
-- source: this project (interference); the ratio to the vector's effect at home has Fieller's interval
--   (1954), the two being measured on different questions; nulls by the t prediction
-- params:
--   filters
--   split             train|validation|test  test    split that is reported
--   layer             layer                  null    one layer, or `best` = the one that validation chose for the fitted concept; null = all
--   multiplier_bound  positive               1.5     slopes are fitted over abs(multiplier) up to this
--   confidence        fraction               0.95    level of the intervals
-- columns:
--   model                    model
--   method                   how the vector was fitted
--   layer                    decoder block whose output is steered
--   fit_concept              concept the vector was fitted on
--   concept                  concept that the questions ask about
--   side_effect              mean slope there, logits per multiplier
--   side_effect_low          lower end of its cluster-t interval by question
--   side_effect_high         upper end
--   side_effect_q            Benjamini-Hochberg q of side_effect_p over this table
--   relative                 side_effect / abs(own_steerability), null where the denominator is unclear
--   relative_low             lower end of its Fieller interval
--   relative_high            upper end
--   cosine                   cosine with the vector that the same method fitted on `concept`
--   expected                 side effect if only the part along that vector counted
--   relative_length          length of the vector / mean length of the residual stream at its layer
--   nulls                    null vectors measured there, `no null` where there are none
--   complete                 false where an asked measurement is missing, here or at home
-- further columns:
--   side_effect_p            two-sided p of no side effect (cluster t): 1 where it is below slope_floor; says that it is there, not that it matters
--   null_p                   the larger p against random and label-shuffled vectors
--   fit_variant              variant the vector was fitted on
--   variant                  variant the questions are asked under
--   own_steerability         the vector's steerability on its own concept, under a variant of that name
--   target_steerability      steerability of the vector of `concept` on the same questions
--   anti_steerable_fraction  share of items with slope <= -slope_floor
--   seed                     seed of the vector, null where none is used
--   norm                     how the vector was scaled
--   operator                 how it was applied
--   scope                    where it was applied
--   split                    split that is reported
--   n_items                  items with a slope
--   n_questions              questions they belong to
--   n_multipliers            multipliers behind a slope (the fewest over items)
--   multiplier_bound         slopes are fitted over abs(multiplier) up to this
--   run_id                   the run

with
-- the filter on concepts is for the concept disturbed: at home others are needed
steered as materialized (
    select *
    from asked_steerability(
        $experiment, $model, null, $method, 'fitted', $split, $layer, $multiplier_bound,
        $confidence
    )
    where resample is null and len(fit_dataset_ids) > 0
),

elsewhere as materialized (
    select
        steered.*,
        difference_p(steerability, standard_error, n_questions - 1, slope_floor.slope_floor) as p
    from steered
    left join slope_floor on slope_floor.model_id = steered.model_id
    where
        not list_contains(fit_dataset_ids, dataset_id)
        and run_id in (from asked_runs($experiment, $model, $concept, $method))
),

home as materialized (
    select *
    from steered
    where fit_dataset_ids = [dataset_id]
),

null_p as (
    select
        elsewhere.run_id,
        elsewhere.layer,
        string_agg(nulls.n || ' ' || nulls.kind, ', ' order by nulls.kind desc) as nulls,
        max(prediction_p(elsewhere.steerability, nulls.mean, nulls.sd, nulls.n)) as p
    from elsewhere
    inner join asked_nulls(
        $experiment, $model, $concept, $method, $split, $layer, $multiplier_bound
    ) as nulls using (run_id, layer, n_items, n_multipliers)
    group by elsewhere.run_id, elsewhere.layer
),

family as (
    select id.*, q
    from q_values((
        select list({'id': {'run_id': run_id, 'layer': layer}, 'family': 0, 'p': p})
        from elsewhere
    ))
),

own_factor as (
    -- both ends of the ratio are estimated: the fewer questions set the degrees of freedom
    select n_questions, t_factor($confidence, n_questions) as t
    from (select distinct n_questions from steered)
),

beside as (
    select
        elsewhere.*,
        own.steerability as own_steerability,
        own.standard_error as own_error,
        coalesce(own.complete, true) as own_complete,
        own_factor.t,
        target.steerability as target_steerability,
        target.vector_id as target_vector_id,
        target.degenerate as target_degenerate
    from elsewhere
    left join home as own
        using (vector_id, model_id, variant, operator, parameters, scope, layer)
    left join own_factor
        on own_factor.n_questions = least(own.n_questions, elsewhere.n_questions)
    left join home as target
        on
            target.evaluation_id = elsewhere.evaluation_id
            and target.method = elsewhere.method
            and target.fit_variant = elsewhere.fit_variant
            and target.seed is not distinct from elsewhere.seed
            and target.norm = elsewhere.norm
            and target.operator = elsewhere.operator
            and target.parameters = elsewhere.parameters
            and target.scope = elsewhere.scope
            and target.layer = elsewhere.layer
),

directed as (
    select
        beside.*,
        list_cosine_similarity(here.direction, there.direction) as cosine,
        list_dot_product(here.direction, there.direction)
        / nullif(list_dot_product(there.direction, there.direction), 0) * target_steerability
            as expected
    from beside
    left join vector_direction as here
        on
            not beside.degenerate
            and here.vector_id = beside.vector_id
            and here.layer = beside.layer
    left join vector_direction as there
        on
            not beside.target_degenerate
            and there.vector_id = beside.target_vector_id
            and there.layer = beside.layer
)

select
    directed.model,
    directed.method,
    directed.layer,
    directed.fit_concept,
    directed.concept,
    directed.steerability as side_effect,
    directed.steerability_low as side_effect_low,
    directed.steerability_high as side_effect_high,
    family.q as side_effect_q,
    relative_to(steerability, own_steerability, own_error * own_error, t) as relative,
    relative_low(
        steerability, standard_error * standard_error, own_steerability, own_error * own_error, 0, t
    ) as relative_low,
    relative_high(
        steerability, standard_error * standard_error, own_steerability, own_error * own_error, 0, t
    ) as relative_high,
    directed.cosine,
    directed.expected,
    vector_layer.length / nullif(vector_layer.residual_norm, 0) as relative_length,
    coalesce(null_p.nulls, 'no null') as nulls,
    directed.complete and directed.own_complete as complete,
    directed.p as side_effect_p,
    null_p.p as null_p,
    directed.fit_variant,
    directed.variant,
    directed.own_steerability,
    directed.target_steerability,
    directed.anti_steerable_fraction,
    directed.seed,
    directed.norm,
    directed.operator,
    directed.scope,
    directed.split,
    directed.n_items,
    directed.n_questions,
    directed.n_multipliers,
    directed.multiplier_bound,
    directed.run_id
from directed
left join family on family.run_id = directed.run_id and family.layer = directed.layer
left join null_p on null_p.run_id = directed.run_id and null_p.layer = directed.layer
left join vector_layer
    on vector_layer.vector_id = directed.vector_id and vector_layer.layer = directed.layer
order by
    directed.model, directed.method, directed.layer, directed.fit_concept, directed.concept,
    directed.fit_variant, directed.variant, directed.scope, directed.seed, directed.run_id
