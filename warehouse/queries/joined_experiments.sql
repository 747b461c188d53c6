-- The rows of `incoming` (as experiment_run), with those that the same experiments hold already:
-- they are replaced whole, so that what adds to one brings the old rows too.
select experiment, run_id, split, layer, multiplier, max(n_asked) as n_asked
from (
    select experiment, run_id, split, layer, multiplier, n_asked
    from incoming
    union all
    select experiment, run_id, split, layer, multiplier, n_asked
    from experiment_run
    where experiment in (select experiment from incoming)
)
group by experiment, run_id, split, layer, multiplier
order by experiment, run_id, split, layer, multiplier;
