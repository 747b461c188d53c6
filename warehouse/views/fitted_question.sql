-- The questions that a run's vector was fitted on: where they are asked again they have leaked. Of a
-- vector that was not fitted here they are those of the train split, of which it may have been made.
create view fitted_question as
with fitted_on as (
    select run_card.run_id, vector_fit.dataset_id, vector_fit.split
    from run_card
    inner join vector_fit using (vector_id)
    union all
    select run_id, dataset_id, 'train' as split
    from run_card
    where fit_dataset_ids is null
)

select distinct fitted_on.run_id, item.question_id
from fitted_on
inner join dataset_item using (dataset_id, split)
inner join item using (item_id);
