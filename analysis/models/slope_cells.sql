-- The slopes of every asked run and layer, a list each; `items` stands beside the first list of
-- those that hold the same items of the same evaluation in the same order (`design`).
with
cells as (
    select
        slopes.run_id,
        slopes.layer,
        slopes.evaluation_id,
        any_value(slopes.slope_floor) as slope_floor,
        min(slopes.n_multipliers) as n_multipliers,
        list(slopes.item_id order by slopes.item_id) as items,
        list(slopes.slope order by slopes.item_id) as slopes
    from asked_item_slopes(
        $experiment, $model, $concept, $method, $role, $split, $layer, $multiplier_bound,
        items := $items
    ) as slopes
    group by slopes.run_id, slopes.layer, slopes.evaluation_id
)

select
    run_id,
    layer,
    slope_floor,
    n_multipliers,
    slopes,
    -- those of one concept stand together: what is drawn for them is drawn once
    dense_rank() over (order by items, evaluation_id) as design,
    evaluation_id,
    if(
        row_number() over (partition by evaluation_id, items order by run_id, layer) = 1, items, null
    ) as items
from cells
order by design, run_id, layer
