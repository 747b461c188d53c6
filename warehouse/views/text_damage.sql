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
