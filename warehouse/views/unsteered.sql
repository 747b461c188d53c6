-- What a model answers when nothing is steered: whether it answers in the asked form at all. Where
-- it does not, logit differences compare two answers that it would never give. Where completions
-- are scored by all their tokens nothing can be said: whole texts are unlikely whatever is said.
create view unsteered as
with summary as (
    select
        evaluation_id,
        count(*) as n_items,
        avg(logit_diff::double) as mean_baseline_logit_diff,
        -- half of the items are below, and exp keeps their order
        exp(median(answer_logmass::double)) as median_answer_mass
    from baseline
    group by evaluation_id
),

card as (
    select distinct evaluation_id, model_id, dataset_id, variant_id, model, concept, variant
    from run_card
)

select
    card.*,
    summary.n_items,
    summary.mean_baseline_logit_diff,
    summary.median_answer_mass,
    if(evaluation.score = 'sequence', null, summary.median_answer_mass >= 0.5) as answering
from card
inner join summary using (evaluation_id)
inner join evaluation using (evaluation_id);
