-- Questions that ran in both option orders, all else equal, split their variance exactly: with m the
-- mean of a question's two slopes and d half their difference (positive option first minus second),
-- the variance over all items is var(m) + var(d) + mean(d)^2. Pairs of constant slope are left out.
create view paired_bias as
with question as (
    select
        item_slope.run_id,
        item_slope.split,
        item_slope.layer,
        item_pair.pair,
        avg(item_slope.slope) as m,
        avg(item_pair.sign * item_slope.slope) as d
    from item_slope
    inner join item_pair using (item_id)
    group by item_slope.run_id, item_slope.split, item_slope.layer, item_pair.pair
    having count(*) = 2
)

select
    run_id,
    split,
    layer,
    count(*) as n_pairs,
    2 * avg(d) as place_effect,
    avg(d) * avg(d) as place_variance,
    var_pop(d) as question_by_place_variance,
    var_pop(m) as question_variance,
    var_pop(m) + var_pop(d) + avg(d) * avg(d) as slope_variance
from question
group by run_id, split, layer
having slope_variance > 0;
