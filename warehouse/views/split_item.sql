-- The items of each split. A source may hold an item more than once: it is measured once, and
-- `copies` says how often it stands there. An item in more than one split has leaked.
create view split_item as
select
    dataset_id,
    split,
    item_id,
    count(*) as copies,
    avg(label_confidence) as label_confidence,
    count(*) over (partition by dataset_id, item_id) > 1 as leaked
from dataset_item
group by dataset_id, split, item_id;
