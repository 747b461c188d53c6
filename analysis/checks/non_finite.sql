-- question: Is any stored number infinite or not a number?
-- grain: relation, id
-- source: DESIGN 6: every number is finite (infinities and NaN poison means without a trace)
-- columns:
--   relation  where it stands
--   id        run, evaluation or vector it belongs to
--   field     the column
--   n         rows concerned

with
suspect as (
    select 'measurement' as relation, run_id as id, 'logit_diff' as field, logit_diff as value
    from measurement
    where not isfinite(logit_diff)
    union all
    select 'measurement', run_id, 'answer_logmass', answer_logmass
    from measurement
    where not isfinite(answer_logmass)
    union all
    select 'measurement', run_id, 'multiplier', multiplier
    from measurement
    where not isfinite(multiplier)
    union all
    select 'baseline', evaluation_id, 'logit_diff', logit_diff
    from baseline
    where not isfinite(logit_diff)
    union all
    select 'baseline', evaluation_id, 'answer_logmass', answer_logmass
    from baseline
    where not isfinite(answer_logmass)
    union all
    select 'baseline', evaluation_id, 'prefix_logprob', prefix_logprob
    from baseline
    where not isfinite(prefix_logprob)
    union all
    select 'vector_layer', vector_id, 'length', length
    from vector_layer
    where not isfinite(length)
    union all
    select 'vector_layer', vector_id, 'factor', factor
    from vector_layer
    where not isfinite(factor)
    union all
    select 'vector_direction', vector_id, 'direction', null
    from vector_direction
    where len(list_filter(direction, lambda x: not isfinite(x))) > 0
)

select relation, id, field, count(*) as n
from suspect
group by relation, id, field
order by relation, id, field
