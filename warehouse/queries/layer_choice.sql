-- For each of $run_ids the layer among $layers with the largest steerability on the validation
-- split, degenerate layers left out; the lower layer where two are equal: the rule of the view
-- best_layer, narrowed to what the experiment asks (`best`): its layers, its $multipliers,
-- and the first $limit items of the split. What others measured of the same runs moves nothing.
-- With that steerability, and how many layers stood for choice.
with asked_item as (
    select dataset_id, item_id
    from dataset_item
    where split = 'validation'
    group by dataset_id, item_id
    qualify
        $limit::integer is null
        or row_number() over (partition by dataset_id order by min(row)) <= $limit::integer
),

candidate as (
    select s.run_id, s.layer, avg(s.slope) as steerability
    from item_slope_within(1.5, multipliers := $multipliers::double[]) as s
    inner join asked_item using (dataset_id, item_id)
    left join vector_layer as v on v.vector_id = s.vector_id and v.layer = s.layer
    where
        s.split = 'validation'
        and s.run_id in (select unnest($run_ids::varchar[]))
        and s.layer in (select unnest($layers::integer[]))
        and not coalesce(v.degenerate, false)
    group by s.run_id, s.layer
)

select run_id, layer, steerability, count(*) over (partition by run_id) as n_candidates
from candidate
qualify row_number() over (partition by run_id order by round(steerability, 6) desc, layer) = 1
order by run_id;
