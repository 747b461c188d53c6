-- What scorers say of each rollout, with everything known about it (rollout_card).
create view rollout_score as
select
    score.rollout_id,
    score.scorer_id,
    coalesce(scorer_name.name, scorer.kind) as scorer,
    scorer.measures,
    score.score,
    score.failure,
    score.answer,
    rollout_card.* exclude (rollout_id)
from score
inner join scorer using (scorer_id)
inner join rollout_card using (rollout_id)
left join shown_name as scorer_name
    on scorer_name.kind = 'scorer' and scorer_name.id = score.scorer_id;
