-- question: Does any dataset hold other items than it says?
-- grain: dataset
-- source: the warehouse: dataset_item has a row for each row of the dataset
-- columns:
--   dataset_id   the dataset
--   n_items      rows it says it has
--   n_rows       rows it has
--   n_questions  questions it says it has
--   n_asked      questions it has

with
counted as (
    select
        dataset_item.dataset_id,
        count(*) as n_rows,
        count(distinct item.question_id) as n_asked
    from dataset_item
    left join item using (item_id)
    group by dataset_item.dataset_id
)

select
    dataset.dataset_id,
    dataset.n_items,
    coalesce(counted.n_rows, 0) as n_rows,
    dataset.n_questions,
    coalesce(counted.n_asked, 0) as n_asked
from dataset
left join counted using (dataset_id)
where
    dataset.n_items <> coalesce(counted.n_rows, 0)
    or dataset.n_questions <> coalesce(counted.n_asked, 0)
order by dataset.dataset_id
