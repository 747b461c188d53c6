-- question: Which way of making a vector steers most, and at what price, method by method?
-- grain: run, layer
-- source: this project: paired by question against one reference method on the same questions, training
--   items, operator and scope, because both steer the same prompts; Holm 1979 over the table. Beside it
--   what the reliability of Tan et al. 2024 (arXiv 2407.12404) is about: items that go the wrong way,
--   spread against mean, the letter's share. `compare` has every pair and its other intervals
-- params:
--   filters
--   reference         varchar                mean_difference  glob of the method that the others are compared with
--   split             train|validation|test  test             split that is reported
--   layer             layer                  best             one layer, or `best` = the one that validation chose for each; null = all
--   multiplier_bound  positive               1.5              slopes are fitted over abs(multiplier) up to this
--   confidence        fraction               0.95             level of the intervals
-- columns:
--   model                    model
--   concept                  concept that the questions ask about
--   method                   how the vector was fitted
--   variant                  variant the questions are asked under
--   layer                    decoder block whose output is steered
--   n_questions              questions that its items belong to
--   steerability             mean slope over items, logits per multiplier
--   steerability_low         lower end of its cluster-t interval by question
--   steerability_high        upper end
--   following_fraction       share of items with slope >= slope_floor
--   following_low            lower end of its interval (fraction_low)
--   following_high           upper end
--   relative_spread          standard deviation of slopes over items / steerability, null where that is unclear
--   letter_share             share of slope variance by the place of the positive option alone
--   difference               steerability - that of the reference, on the items of both; null for it itself
--   difference_low           lower end of its paired cluster-t interval by question
--   difference_high          upper end
--   p_holm                   its two-sided p after Holm's correction over this table
--   kl                       damage: mean KL(unsteered || steered) of the next token over unrelated texts at
--     multipliers -1 and 1, nats a token (docs/damage.md); null where no text set was measured
--   cross_entropy_rise       mean rise of the texts' own cross-entropy there, nats a token
--   steerability_per_nat     steerability / kl; null where kl is below 1e-6
--   relative_length          length of the vector / mean length of the residual stream at its layer
--   complete                 false where an asked measurement is missing
-- further columns:
--   p                        two-sided p of no difference (paired cluster t)
--   anti_steerable_fraction  share of items with slope <= -slope_floor
--   cosine                   cosine with the reference's vector at the same layer
--   reference_method         the reference's name
--   reference_layer          its layer
--   fit_variant              variant the vectors were fitted on
--   seed                     seed of the vector, null where none is used
--   norm                     how the vector was scaled
--   operator                 how it was applied
--   scope                    where it was applied
--   split                    split that is reported
--   n_items                  items with a slope
--   n_multipliers            multipliers behind a slope (the fewest over items)
--   multiplier_bound         slopes are fitted over abs(multiplier) up to this
--   run_id                   the run
--   reference_run_id         the run of the reference

with
asked as materialized (
    select card.*, run.parameters
    from asked_cards($experiment, $model, $concept, null, 'fitted', $layer) as card
    inner join run using (run_id)
    where
        card.resample is null
        and (
            card.fit_dataset_ids is null or list_contains(card.fit_dataset_ids, card.dataset_id)
        )
),

shown as (
    select run_id
    from asked
    where run_id in (from asked_runs($experiment, $model, $concept, $method))
),

slopes as materialized (
    select slopes.*
    from item_slope_within($multiplier_bound) as slopes
    inner join asked using (run_id)
    where slopes.split = $split and is_layer(slopes.layer, $layer, asked.chosen_layer)
),

questions as materialized (
    select
        run_id,
        layer,
        question_id,
        count(*) as n,
        sum(slope) as slope,
        sum((slope >= slope_floor)::integer) as following
    from slopes
    group by run_id, layer, question_id
),

over_items as (
    select
        run_id,
        layer,
        min(n_multipliers) as n_multipliers,
        stddev_samp(slope) as sd_slope,
        avg(anti_steerable::integer) as anti_steerable_fraction,
        any_value(slope_floor) as slope_floor,
        if(
            any_value(dataset.answer_format) = 'letter',
            variance_share(slope, positive_option, question_id, slope_floor),
            null
        ) as letter_share
    from slopes
    inner join dataset using (dataset_id)
    group by run_id, layer
),

means as (
    select
        run_id,
        layer,
        sum(n)::bigint as n_items,
        count(*) as n_questions,
        sum(slope) / sum(n) as steerability,
        cluster_standard_error(slope, n) as standard_error,
        sum(following) / sum(n) as following_fraction,
        effective_number(following, n) as effective_items
    from questions
    group by run_id, layer
),

pair as materialized (
    select
        asked.run_id,
        here.layer,
        reference.run_id as reference_run_id,
        there.layer as reference_layer,
        reference.method as reference_method,
        reference.vector_id as reference_vector_id
    from asked
    inner join means as here on here.run_id = asked.run_id
    inner join asked as reference
        on
            reference.method glob $reference
            and reference.evaluation_id = asked.evaluation_id
            and reference.run_id <> asked.run_id
            and coalesce(reference.fit_dataset_ids = asked.fit_dataset_ids, true)
            and coalesce(reference.fit_variant_ids = asked.fit_variant_ids, true)
            and coalesce(reference.seed = asked.seed, true)
            and reference.norm = asked.norm
            and reference.operator = asked.operator
            and reference.parameters = asked.parameters
            and reference.scope = asked.scope
    inner join means as there
        on
            there.run_id = reference.run_id
            -- at the layer chosen for each, or layer by layer
            and ($layer is not distinct from 'best' or there.layer = here.layer)
    qualify
        row_number() over (
            partition by asked.run_id, here.layer order by reference.method, reference.run_id
        ) = 1
),

differences as (
    select
        pair.run_id,
        pair.layer,
        count(*) as n_questions,
        sum(here.slope - there.slope) / sum(here.n) as difference,
        cluster_standard_error(here.slope - there.slope, here.n) as difference_error
    from pair
    inner join questions as here on here.run_id = pair.run_id and here.layer = pair.layer
    inner join questions as there
        on
            there.run_id = pair.reference_run_id
            and there.layer = pair.reference_layer
            and there.question_id = here.question_id
            and there.n = here.n
    group by pair.run_id, pair.layer
),

t_factors as (
    select n_questions, t_factor($confidence, n_questions) as t
    from (
        select n_questions from means
        union
        select n_questions from differences
    )
),

tested as (
    select
        differences.*,
        t_factors.t,
        difference_p(
            difference, difference_error, differences.n_questions - 1, over_items.slope_floor
        ) as p
    from differences
    inner join over_items using (run_id, layer)
    left join t_factors on t_factors.n_questions = differences.n_questions
),

holm as (
    select id.*, p_holm
    from holm_values((
        select list({'id': {'run_id': run_id, 'layer': layer}, 'family': 0, 'p': p})
        from tested
        where run_id in (from shown)
    ))
),

damage as (
    select
        vector_id,
        operator,
        layer,
        avg(kl) as kl,
        avg(cross_entropy_rise) as cross_entropy_rise
    from text_damage
    where abs(multiplier) = 1 and vector_id in (select vector_id from asked)
    group by vector_id, operator, layer
),

missing as (
    from missing_of($experiment, $model, $concept, $method)
    where split = $split
)

select
    asked.model,
    asked.concept,
    asked.method,
    asked.variant,
    means.layer,
    means.n_questions,
    means.steerability,
    means.steerability - own_t.t * means.standard_error as steerability_low,
    means.steerability + own_t.t * means.standard_error as steerability_high,
    means.following_fraction,
    fraction_low(following_fraction, effective_items, own_t.t) as following_low,
    fraction_high(following_fraction, effective_items, own_t.t) as following_high,
    relative_to(
        over_items.sd_slope, means.steerability, pow(means.standard_error, 2), own_t.t
    ) as relative_spread,
    over_items.letter_share,
    tested.difference,
    tested.difference - tested.t * tested.difference_error as difference_low,
    tested.difference + tested.t * tested.difference_error as difference_high,
    holm.p_holm,
    damage.kl,
    damage.cross_entropy_rise,
    if(damage.kl >= 1e-6, means.steerability / damage.kl, null) as steerability_per_nat,
    vector_layer.length / nullif(vector_layer.residual_norm, 0) as relative_length,
    coalesce(missing.n_missing, 0) = 0 as complete,
    tested.p,
    over_items.anti_steerable_fraction,
    list_cosine_similarity(here.direction, there.direction) as cosine,
    pair.reference_method,
    pair.reference_layer,
    asked.fit_variant,
    asked.seed,
    asked.norm,
    asked.operator,
    asked.scope,
    $split as split,
    means.n_items,
    over_items.n_multipliers,
    $multiplier_bound::double as multiplier_bound,
    asked.run_id,
    pair.reference_run_id
from asked
inner join shown using (run_id)
inner join means using (run_id)
inner join over_items on over_items.run_id = means.run_id and over_items.layer = means.layer
left join t_factors as own_t on own_t.n_questions = means.n_questions
left join pair on pair.run_id = means.run_id and pair.layer = means.layer
left join tested on tested.run_id = means.run_id and tested.layer = means.layer
left join holm on holm.run_id = means.run_id and holm.layer = means.layer
left join vector_layer
    on vector_layer.vector_id = asked.vector_id and vector_layer.layer = means.layer
left join vector_direction as here
    on
        here.vector_id = asked.vector_id
        and here.layer = means.layer
        and pair.reference_layer = means.layer
left join vector_direction as there
    on there.vector_id = pair.reference_vector_id and there.layer = pair.reference_layer
left join damage
    on
        damage.vector_id = asked.vector_id
        and damage.operator = asked.operator
        and damage.layer = means.layer
left join missing on missing.run_id = means.run_id and missing.layer = means.layer
order by
    asked.model, asked.concept, asked.variant, asked.fit_variant, asked.norm, asked.operator,
    asked.scope, means.steerability desc, asked.run_id, means.layer
