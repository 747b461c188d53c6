-- question: How much does each method's vector move the questions of other concepts beside those of its own, and how long is it against the residual stream?
-- grain: model, method, norm, operator, scope, fit variant, variant, layer (one for all at `best`)
-- source: the pairs of concepts of the analysis side_effects, summed up by method; a mean square of
--   estimates holds their errors' variances, which are taken out. It describes the concepts asked; for
--   an interval over other concepts they are too few
-- params:
--   filters
--   split             train|validation|test  test  split that is reported
--   layer             layer                  best  one layer, or `best` = the one that validation chose for the fitted concept; null = all
--   multiplier_bound  positive               1.5   slopes are fitted over abs(multiplier) up to this
--   false_discovery   fraction               0.05  largest q of a side effect that is there
-- columns:
--   model              model
--   method             how the vectors were fitted
--   layer              decoder block whose output is steered, null where each vector has its chosen one
--   n_vectors          vectors, each of a concept of its own
--   n_pairs            vector and concept that it was not fitted on
--   own_steerability   mean of the vectors' steerability on their own concepts
--   interference       root mean square of the side effects over pairs, errors taken out, logits per multiplier
--   relative           interference / abs(own_steerability); null where that is below slope_floor
--   moved_fraction     share of pairs with a side effect that is there (q over this table up to false_discovery)
--   largest            the largest side effect in absolute value
--   largest_pair       the vector's concept and the one that it moves so
--   relative_length    mean over vectors of length / mean length of the residual stream at the layer
--   complete           false where an asked measurement is missing
-- further columns:
--   fit_variant        variant the vectors were fitted on
--   variant            variant the questions are asked under
--   norm               how the vectors were scaled
--   operator           how they were applied
--   scope              where they were applied
--   split              split that is reported
--   n_multipliers      multipliers behind a slope (the fewest over items)
--   multiplier_bound   slopes are fitted over abs(multiplier) up to this

with
-- the filter on concepts is for the concept disturbed: at home others are needed
steered as materialized (
    select
        asked.*,
        if($layer is not distinct from 'best', null, asked.layer) as shown_layer,
        coalesce(slope_floor.slope_floor, 1e-3) as slope_floor,
        asked.fit_dataset_ids = [asked.dataset_id] as at_home
    from asked_steerability(
        $experiment, $model, null, $method, 'fitted', $split, $layer, $multiplier_bound, 0.95
    ) as asked
    left join slope_floor on slope_floor.model_id = asked.model_id
    where asked.resample is null and len(asked.fit_dataset_ids) = 1 and not asked.degenerate
),

pair as materialized (
    select
        *,
        difference_p(steerability, standard_error, n_questions - 1, slope_floor) as p
    from steered
    where
        not at_home
        and run_id in (from asked_runs($experiment, $model, $concept, $method))
),

family as (
    select id.*, q
    from q_values((
        select list({'id': {'run_id': run_id, 'layer': layer}, 'family': 0, 'p': p})
        from pair
    ))
),

vector as (
    select distinct
        pair.model_id, pair.method, pair.norm, pair.operator, pair.parameters, pair.scope,
        pair.fit_variant, pair.variant, pair.shown_layer, pair.vector_id, pair.layer
    from pair
),

home as (
    select
        vector.* exclude (vector_id, layer),
        count(*) as n_vectors,
        avg(own.steerability) as own_steerability,
        avg(vector_layer.length / nullif(vector_layer.residual_norm, 0)) as relative_length,
        bool_and(coalesce(own.complete, true)) as complete
    from vector
    left join (from steered where at_home) as own
        using (vector_id, variant, operator, parameters, scope, layer)
    left join vector_layer using (vector_id, layer)
    group by all
),

summary as (
    select
        any_value(pair.model) as model,
        pair.model_id,
        pair.method,
        pair.norm,
        pair.operator,
        pair.parameters,
        pair.scope,
        pair.fit_variant,
        pair.variant,
        pair.shown_layer,
        count(*) as n_pairs,
        sqrt(greatest(
            0, avg(pow(pair.steerability, 2) - coalesce(pow(pair.standard_error, 2), 0))
        )) as interference,
        avg((family.q <= $false_discovery)::integer) as moved_fraction,
        arg_max(pair.steerability, abs(pair.steerability)) as largest,
        arg_max(pair.fit_concept || ' on ' || pair.concept, abs(pair.steerability))
            as largest_pair,
        any_value(pair.slope_floor) as slope_floor,
        min(pair.n_multipliers) as n_multipliers,
        any_value(pair.multiplier_bound) as multiplier_bound,
        bool_and(pair.complete) as complete
    from pair
    inner join family using (run_id, layer)
    group by all
)

select
    summary.model,
    summary.method,
    summary.shown_layer as layer,
    home.n_vectors,
    summary.n_pairs,
    home.own_steerability,
    summary.interference,
    if(
        abs(home.own_steerability) >= summary.slope_floor,
        summary.interference / abs(home.own_steerability),
        null
    ) as relative,
    summary.moved_fraction,
    summary.largest,
    summary.largest_pair,
    home.relative_length,
    summary.complete and home.complete as complete,
    summary.fit_variant,
    summary.variant,
    summary.norm,
    summary.operator,
    summary.scope,
    $split as split,
    summary.n_multipliers,
    summary.multiplier_bound
from summary
inner join home
    using (model_id, method, norm, operator, parameters, scope, fit_variant, variant)
where home.shown_layer is not distinct from summary.shown_layer
order by
    summary.model, summary.method, summary.norm, summary.operator, summary.parameters,
    summary.scope, summary.fit_variant, summary.variant, summary.shown_layer
