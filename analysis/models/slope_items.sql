-- What an item is like, a row for every item of the asked evaluations: the factors that a slope may
-- depend on. `pair` is the same for the two items that differ only in the order of their options.
with
asked as (
    select distinct evaluation_id, dataset_id
    from asked_cards($experiment, $model, $concept, $method, $role, null)
)

select
    asked.evaluation_id,
    item.item_id,
    item.question_id,
    dataset.answer_format not in ('yes_no', 'text') as has_letters,
    (item.positive_option = 0)::integer as first,
    item.positive_option as place,
    coalesce(item.positive_answer = 'Yes', false)::integer as yes,
    least(item.options[1], item.options[2]) || chr(31) || greatest(item.options[1], item.options[2])
    || chr(31) || array_to_string(item.symbols, chr(31)) || chr(31)
    || item.options[item.positive_option + 1] as pair,
    (item.option_order = 'swapped')::integer as swapped,
    length(item.options[item.positive_option + 1]) - length(item.options[2 - item.positive_option])
        as length_difference,
    split_item.label_confidence,
    baseline.prompt_tokens,
    baseline.answer_logmass
from asked
inner join dataset using (dataset_id)
inner join split_item on split_item.dataset_id = asked.dataset_id and split_item.split = $split
inner join item using (item_id)
left join baseline
    on
        baseline.evaluation_id = asked.evaluation_id
        and baseline.item_id = item.item_id
order by asked.evaluation_id, item.item_id
