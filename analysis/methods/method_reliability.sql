-- question: Which way of making a vector is more reliable over concepts, and not only stronger?
-- grain: model, method, norm, operator, scope, fit variant, layer
-- source: the questions of Tan et al. 2024 (arXiv 2407.12404) asked of every method: share of items that
--   follow (section 4), what the letter owns of the spread (section 4), how much is left under other
--   prompts, and whether concepts keep their order there (section 5). The unit is the concept:
--   Student's t over concepts, Bonett and Wright 2000 for the rank correlation; differences to one
--   reference method are paired by concept, Holm 1979 over the table
-- params:
--   filters
--   reference         varchar                mean_difference  glob of the method that the others are compared with
--   split             train|validation|test  test             split that is reported
--   layer             layer                  best             one layer, or `best` = the one that validation chose for each vector; null = each layer by itself
--   multiplier_bound  positive               1.5              slopes are fitted over abs(multiplier) up to this
--   confidence        fraction               0.95             level of the intervals
-- columns:
--   model                    model
--   method                   how the vectors were fitted
--   layer                    decoder block that is steered, null for `best` (one for each concept)
--   n_concepts               concepts at home: asked under the variant the vector was fitted on; of vectors that
--     were fitted on nothing (files, features that a spec names), under variant base
--   steerability             mean over concepts of the mean slope at home, logits per multiplier
--   steerability_low         lower end of its t interval over concepts
--   steerability_high        upper end
--   following_fraction       mean over concepts of the share of items with slope >= slope_floor
--   following_low            lower end of its t interval over concepts
--   following_high           upper end
--   following_difference     that share minus the reference's, over the concepts of both
--   following_p_holm         its two-sided p (paired t over concepts) after Holm's correction over this table
--   letter_share             mean over concepts of the share of slope variance by the letter alone
--   shifted_following        mean over concepts of the share of items that follow under the other variants
--   shift                    mean over concepts of steerability under the other variants minus at home
--   shift_low                lower end of its t interval over concepts
--   shift_high               upper end
--   shift_spearman           rank correlation over concepts of steerability at home and under the others
--   complete                 false where an asked measurement is missing
-- further columns:
--   following_difference_low   lower end of its paired t interval over concepts
--   following_difference_high  upper end
--   following_p                its p before the correction
--   steerability_difference    mean over concepts of steerability minus the reference's
--   steerability_difference_low   lower end of its paired t interval over concepts
--   steerability_difference_high  upper end
--   shift_spearman_low       lower end of the Bonett-Wright interval
--   shift_spearman_high      upper end
--   anti_steerable_fraction  mean over concepts of the share of items with slope <= -slope_floor
--   least_following          the smallest share that follows of any concept
--   n_steered                concepts whose steerability is above slope_floor
--   n_shifted                concepts asked under other variants too
--   norm                     how the vectors were scaled
--   operator                 how they were applied
--   scope                    where they were applied
--   fit_variant              variant they were fitted on, null where that is nothing
--   split                    split that is reported
--   n_multipliers            multipliers behind a slope (the fewest)
--   multiplier_bound         slopes are fitted over abs(multiplier) up to this
--   model_id                 the model

with
asked as materialized (
    select
        card.*,
        run.parameters,
        coalesce(
            card.fit_variant_ids = [card.variant_id],
            card.variant_id in (select id from name where kind = 'variant' and name.name = 'base')
        ) as is_home
    from asked_cards($experiment, $model, $concept, null, 'fitted', $layer) as card
    inner join run using (run_id)
    where
        card.resample is null
        and (
            card.fit_dataset_ids is null
            or (card.fit_dataset_ids = [card.dataset_id] and len(card.fit_variant_ids) = 1)
        )
),

shown as (
    select distinct method
    from asked
    where run_id in (from asked_runs($experiment, $model, $concept, $method))
),

missing as (
    from missing_of($experiment, $model, $concept, null)
    where split = $split
),

cell as materialized (
    select
        slopes.run_id,
        slopes.layer,
        min(slopes.n_multipliers) as n_multipliers,
        any_value(slopes.slope_floor) as slope_floor,
        avg(slopes.slope) as steerability,
        avg((slopes.slope >= slopes.slope_floor)::integer) as following,
        avg(slopes.anti_steerable::integer) as anti_steerable,
        if(
            any_value(dataset.answer_format) = 'letter',
            variance_share(slopes.slope, positive_option, question_id, slopes.slope_floor),
            null
        ) as letter_share
    from item_slope_within($multiplier_bound) as slopes
    inner join asked using (run_id)
    inner join dataset on dataset.dataset_id = asked.dataset_id
    where slopes.split = $split and is_layer(slopes.layer, $layer, asked.chosen_layer)
    group by slopes.run_id, slopes.layer
),

-- Several seeds, and several other variants, are averaged: a concept counts once.
concept as materialized (
    select
        asked.model_id,
        any_value(asked.model) as model,
        asked.dataset_id,
        asked.method,
        asked.norm,
        asked.operator,
        asked.parameters,
        asked.scope,
        asked.fit_variant,
        any_value(asked.variant_id) filter (where is_home) as home_variant_id,
        if($layer = 'best', null, cell.layer) as layer,
        avg(cell.steerability) filter (where is_home) as steerability,
        avg(cell.following) filter (where is_home) as following,
        avg(cell.anti_steerable) filter (where is_home) as anti_steerable,
        avg(cell.letter_share) filter (where is_home) as letter_share,
        avg(cell.steerability) filter (where not is_home) as shifted,
        avg(cell.following) filter (where not is_home) as shifted_following,
        any_value(cell.slope_floor) as slope_floor,
        min(cell.n_multipliers) as n_multipliers,
        bool_and(coalesce(missing.n_missing, 0) = 0) as complete,
        dense_rank() over (
            order by
                asked.model_id, asked.method, asked.norm, asked.operator, asked.parameters,
                asked.scope, asked.fit_variant, if($layer = 'best', null, cell.layer)
        ) as g
    from cell
    inner join asked using (run_id)
    left join missing on missing.run_id = cell.run_id and missing.layer = cell.layer
    anti join (from vector_layer where degenerate) as degenerate
        on degenerate.vector_id = asked.vector_id and degenerate.layer = cell.layer
    group by
        asked.model_id, asked.dataset_id, asked.method, asked.norm, asked.operator,
        asked.parameters, asked.scope, asked.fit_variant, if($layer = 'best', null, cell.layer)
    having count(*) filter (where is_home) > 0
),

pair as (
    select
        concept.g,
        concept.steerability - reference.steerability as steerability_difference,
        concept.following - reference.following as following_difference
    from concept
    inner join concept as reference
        on
            reference.method glob $reference
            and reference.g <> concept.g
            and reference.model_id = concept.model_id
            and reference.dataset_id = concept.dataset_id
            and reference.norm = concept.norm
            and reference.operator = concept.operator
            and reference.parameters = concept.parameters
            and reference.scope = concept.scope
            and reference.home_variant_id = concept.home_variant_id
            and reference.layer is not distinct from concept.layer
    qualify
        row_number() over (
            partition by concept.g, concept.dataset_id order by reference.method
        ) = 1
),

-- Mean and standard error over concepts; t has one degree of freedom less than there are.
over_concepts as (
    select
        g,
        any_value(model_id) as model_id,
        any_value(model) as model,
        any_value(method) as method,
        any_value(norm) as norm,
        any_value(operator) as operator,
        any_value(scope) as scope,
        any_value(fit_variant) as fit_variant,
        any_value(layer) as layer,
        count(*) as n_concepts,
        avg(steerability) as steerability,
        mean_half_width(steerability, $confidence) as steerability_half,
        avg(following) as following,
        mean_half_width(following, $confidence) as following_half,
        min(following) as least_following,
        avg(anti_steerable) as anti_steerable,
        avg(letter_share) as letter_share,
        count(*) filter (where steerability > slope_floor) as n_steered,
        count(shifted) as n_shifted,
        avg(shifted_following) as shifted_following,
        avg(shifted - steerability) as shift,
        mean_half_width(shifted - steerability, $confidence) as shift_half,
        min(n_multipliers) as n_multipliers,
        bool_and(complete) as complete
    from concept
    where method in (from shown)
    group by g
),

differences as (
    select
        g,
        avg(steerability_difference) as steerability_difference,
        mean_half_width(steerability_difference, $confidence) as steerability_half,
        avg(following_difference) as following_difference,
        mean_half_width(following_difference, $confidence) as following_half,
        student_t_two_sided(
            avg(following_difference)
            / nullif(stddev_samp(following_difference) / sqrt(count(*)), 0),
            count(*) - 1
        ) as p
    from pair
    group by g
),

holm as (
    from holm_values((
        select list({'id': g, 'family': 0, 'p': p})
        from differences
        where g in (select g from over_concepts)
    ))
),

correlation as (
    from correlations(
        (
            select list({'g': g, 'c': dataset_id, 'x': steerability, 'y': shifted})
            from concept
        ),
        null,
        $confidence
    )
)

select
    over_concepts.model,
    over_concepts.method,
    over_concepts.layer,
    over_concepts.n_concepts,
    over_concepts.steerability,
    over_concepts.steerability - over_concepts.steerability_half as steerability_low,
    over_concepts.steerability + over_concepts.steerability_half as steerability_high,
    over_concepts.following as following_fraction,
    greatest(0, over_concepts.following - over_concepts.following_half) as following_low,
    least(1, over_concepts.following + over_concepts.following_half) as following_high,
    differences.following_difference,
    holm.p_holm as following_p_holm,
    over_concepts.letter_share,
    over_concepts.shifted_following,
    over_concepts.shift,
    over_concepts.shift - over_concepts.shift_half as shift_low,
    over_concepts.shift + over_concepts.shift_half as shift_high,
    correlation.spearman as shift_spearman,
    over_concepts.complete,
    differences.following_difference - differences.following_half as following_difference_low,
    differences.following_difference + differences.following_half as following_difference_high,
    differences.p as following_p,
    differences.steerability_difference,
    differences.steerability_difference - differences.steerability_half
        as steerability_difference_low,
    differences.steerability_difference + differences.steerability_half
        as steerability_difference_high,
    correlation.spearman_low as shift_spearman_low,
    correlation.spearman_high as shift_spearman_high,
    over_concepts.anti_steerable as anti_steerable_fraction,
    over_concepts.least_following,
    over_concepts.n_steered,
    over_concepts.n_shifted,
    over_concepts.norm,
    over_concepts.operator,
    over_concepts.scope,
    over_concepts.fit_variant,
    $split as split,
    over_concepts.n_multipliers,
    $multiplier_bound::double as multiplier_bound,
    over_concepts.model_id
from over_concepts
left join differences using (g)
left join holm on holm.id = over_concepts.g
left join correlation using (g)
order by
    over_concepts.model, over_concepts.fit_variant, over_concepts.norm, over_concepts.operator,
    over_concepts.scope, over_concepts.layer, over_concepts.following desc, over_concepts.method,
    over_concepts.g
