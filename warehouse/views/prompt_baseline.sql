-- What asking does, without a vector: half the difference between the logit differences of an item
-- under the variant that asserts the positive persona and the one that asserts the negative, in
-- logits; so it stands beside a slope, which is the effect of one multiplier to either side. `prompt`
-- is where the persona is asserted: system or user (variants system_positive and its kin).
create view prompt_baseline as
with side as (
    select
        evaluation.model_id,
        evaluation.dataset_id,
        evaluation.score,
        evaluation.parameters,
        split_part(shown_name.name, '_', 1) as prompt,
        split_part(shown_name.name, '_', 2) as persona,
        baseline.item_id,
        baseline.logit_diff::double as logit_diff
    from shown_name
    inner join evaluation on evaluation.variant_id = shown_name.id
    inner join baseline using (evaluation_id)
    where
        shown_name.kind = 'variant'
        and shown_name.suffix = ''
        and shown_name.name in (
            'system_positive', 'system_negative', 'user_positive', 'user_negative'
        )
)

select
    positive.model_id,
    positive.dataset_id,
    positive.prompt,
    positive.score,
    split_item.split,
    item.question_id,
    positive.item_id,
    (positive.logit_diff - negative.logit_diff) / 2 as prompt_effect
from side as positive
inner join side as negative
    on
        negative.model_id = positive.model_id
        and negative.dataset_id = positive.dataset_id
        and negative.score = positive.score
        and negative.parameters = positive.parameters
        and negative.prompt = positive.prompt
        and negative.item_id = positive.item_id
        and negative.persona = 'negative'
inner join split_item
    on split_item.dataset_id = positive.dataset_id and split_item.item_id = positive.item_id
inner join item on item.item_id = positive.item_id
where positive.persona = 'positive';
