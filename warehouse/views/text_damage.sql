-- What steering does to each text, with everything known about the run: the texts are those of a
-- text set, steered at every position, and not about the concept that the vector was fitted on.
create view text_damage as
select
    run_card.run_id,
    run_card.evaluation_id,
    run_card.vector_id,
    run_card.model_id,
    evaluation.text_set_id,
    run_card.model,
    coalesce(text_set.name, evaluation.text_set_id) as text_set,
    run_card.method,
    run_card.fit_concept,
    run_card.fit_variant,
    run_card.role,
    run_card.seed,
    run_card.norm,
    run_card.operator,
    run_card.scope,
    damage.layer,
    damage.multiplier,
    damage.text_id,
    damage.n_tokens,
    damage.kl,
    damage.cross_entropy_rise,
    text_baseline.cross_entropy
from damage
inner join run_card using (run_id)
inner join evaluation on evaluation.evaluation_id = run_card.evaluation_id
left join (
    select id, name || suffix as name
    from shown_name
    where kind = 'text_set'
) as text_set on text_set.id = evaluation.text_set_id
left join text_baseline
    on
        text_baseline.evaluation_id = run_card.evaluation_id
        and text_baseline.text_id = damage.text_id;

-- The multiplier at which the mean damage over texts first reaches a level, on either side of 0:
-- linear between the measured multipliers, beginning at 0 where the operator does nothing there; no
-- row where it is never reached. `measure` is kl or cross_entropy_rise; side -1 or 1.
create macro damage_crossing(level, measure) as table
with mean as materialized (
    select
        run_id,
        layer,
        multiplier,
        avg(if(measure = 'kl', kl, cross_entropy_rise)) as damage
    from damage
    group by run_id, layer, multiplier
),

point as (
    select run_id, layer, sign(multiplier) as side, abs(multiplier) as strength, damage
    from mean
    where multiplier <> 0
    union all
    select sides.run_id, sides.layer, sides.side, 0 as strength, coalesce(mean.damage, 0) as damage
    from (
        select distinct run_id, layer, sign(multiplier) as side
        from mean
        where multiplier <> 0
    ) as sides
    inner join run using (run_id)
    left join mean
        on mean.run_id = sides.run_id and mean.layer = sides.layer and mean.multiplier = 0
    where run.identity_at_zero or mean.damage is not null
),

step as (
    select
        *,
        lag(strength) over along as strength_before,
        lag(damage) over along as damage_before
    from point
    window along as (partition by run_id, layer, side order by strength)
)

select
    run_id,
    layer,
    side,
    min(
        strength_before
        + (level - damage_before) / (damage - damage_before) * (strength - strength_before)
    ) * side as multiplier
from step
where damage_before < level and damage >= level
group by run_id, layer, side;

-- The damage runs of the vectors that an analysis is asked about: vectors are found through their
-- runs on the questions of the concept they were fitted on (on any, where they were fitted on none),
-- whose chosen layer they bear; those fitted on texts through these runs themselves, without a chosen
-- layer. Filters as in asked_cards.
create macro asked_damage(experiments, models, concepts, methods, asked_role, asked_layer) as table
with own as (
    select vector_id, operator, max(chosen_layer) as chosen_layer
    from asked_cards(experiments, models, concepts, methods, asked_role, asked_layer)
    where
        dataset_id is not null
        and (fit_dataset_ids is null or list_contains(fit_dataset_ids, dataset_id))
    group by vector_id, operator
    union
    -- a vector fitted on texts has no questions of its own to be found through
    select run.vector_id, run.operator, null
    from asked_runs(experiments, models, null, methods)
    inner join run using (run_id)
    inner join evaluation using (evaluation_id)
    inner join vector on vector.vector_id = run.vector_id and vector.role = asked_role
    inner join vector_fit on vector_fit.vector_id = run.vector_id
    inner join dataset
        on dataset.dataset_id = vector_fit.dataset_id and dataset.kind = 'texts'
    where
        evaluation.text_set_id is not null
        and (
            concepts is null
            or dataset.dataset_id in (select id from asked_ids('concept', concepts))
        )
)

select
    run_card.*,
    own.chosen_layer,
    evaluation.text_set_id,
    coalesce(shown_name.name || shown_name.suffix, evaluation.text_set_id) as text_set
from own
inner join run_card using (vector_id, operator)
inner join evaluation on evaluation.evaluation_id = run_card.evaluation_id
left join shown_name on shown_name.kind = 'text_set' and shown_name.id = evaluation.text_set_id
where evaluation.text_set_id is not null;
