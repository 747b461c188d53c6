-- One row per item of `measured` (caa_measurements.sql): what multiplier 0 gave, at the lowest
-- layer. A vector times 0 is no vector, so the layers must agree: `spread` is how far they do not.
select
    item_id,
    arg_min(logit_diff, layer) as logit_diff,
    arg_min(answer_logmass, layer) as answer_logmass,
    max(logit_diff) - min(logit_diff) as spread,
    arg_max(path, logit_diff) as path
from measured
where multiplier = 0
group by item_id
order by item_id
