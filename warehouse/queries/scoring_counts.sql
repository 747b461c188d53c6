-- What a scorer is asked: rollouts, those that have a score, those that it failed on, and the
-- characters of what it has still to read. Parameters as in the macro rollouts_to_score.
select
    count(*) as n_asked,
    count(*) filter (where scored) as n_there,
    count(*) filter (where not scored) as n_failed,
    coalesce(
        sum(length(prompt) + length(text)) filter (where scored is distinct from true), 0
    )::bigint as n_characters
from rollouts_to_score($experiment, $model_id, $vector_ids::varchar[], $scorer_id, $samples::integer)
