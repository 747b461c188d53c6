-- question: Is any stored number infinite or not a number?
-- grain: relation, id
-- source: the warehouse: every number is finite (infinities and NaN poison means without a trace)
-- columns:
--   relation  where it stands
--   id        run, evaluation or vector it belongs to
--   field     the column
--   n         rows concerned

with
suspect as (
    select
        'measurement' as relation,
        run_id as id,
        unnest([
            if(not isfinite(logit_diff), 'logit_diff', null),
            if(not isfinite(answer_logmass), 'answer_logmass', null),
            if(not isfinite(multiplier), 'multiplier', null)
        ]) as field
    from measurement
    where not (isfinite(logit_diff) and isfinite(answer_logmass) and isfinite(multiplier))
    union all
    select
        'baseline',
        evaluation_id,
        unnest([
            if(not isfinite(logit_diff), 'logit_diff', null),
            if(not isfinite(answer_logmass), 'answer_logmass', null),
            if(not isfinite(prefix_logprob), 'prefix_logprob', null)
        ])
    from baseline
    union all
    select
        'vector_layer',
        vector_id,
        unnest([
            if(not isfinite(length), 'length', null), if(not isfinite(factor), 'factor', null)
        ])
    from vector_layer
    union all
    select 'vector_direction', vector_id, 'direction'
    from vector_direction
    where len(list_filter(direction, lambda x: not isfinite(x))) > 0
)

select relation, id, field, count(*) as n
from suspect
where field is not null
group by relation, id, field
order by relation, id, field
