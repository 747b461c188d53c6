-- One row per item, layer and multiplier of `answer` (a row per row of a file). Copies of an item
-- in one file are one measurement: the first, with how far they lie apart.
with scored as (
    select
        *,
        ln(positive_prob) - ln(negative_prob) as logit_diff,
        -- rounding may leave a sum just above 1
        least(0, ln(positive_prob + negative_prob)) as answer_logmass
    from answer
)

select
    item_id,
    layer,
    multiplier,
    arg_min(logit_diff, "row")::float as logit_diff,
    arg_min(answer_logmass, "row")::float as answer_logmass,
    max(logit_diff) - min(logit_diff) as spread,
    any_value(path) as path
from scored
group by item_id, layer, multiplier
order by layer, multiplier, item_id
