-- The multipliers found on the text set of $evaluation_id by $rule for $target.
select *
from rise_multiplier
where evaluation_id = $evaluation_id and rule = $rule and target = $target
order by all;
