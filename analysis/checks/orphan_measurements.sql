-- question: Does any measurement belong to a run or an item that is not there, or to an item that is not in the dataset evaluated?
-- grain: run, item
-- source: the relations of the warehouse (warehouse/migrations), which have no foreign keys
-- columns:
--   run_id   the run
--   item_id  the item
--   lacking  what is not there: run, evaluation, item or dataset_item
--   n        measurements concerned

with
measured as (
    select run_id, item_id, count(*) as n
    from measurement
    group by run_id, item_id
),

judged as (
    select
        measured.run_id,
        measured.item_id,
        measured.n,
        case
            when run.run_id is null then 'run'
            when evaluation.evaluation_id is null then 'evaluation'
            when item.item_id is null then 'item'
            when held.item_id is null and evaluation.dataset_id is not null then 'dataset_item'
        end as lacking
    from measured
    left join run using (run_id)
    left join evaluation using (evaluation_id)
    left join item on item.item_id = measured.item_id
    left join (select distinct dataset_id, item_id from dataset_item) as held
        on held.dataset_id = evaluation.dataset_id and held.item_id = measured.item_id
)

select run_id, item_id, lacking, n
from judged
where lacking is not null
order by lacking, run_id, item_id
