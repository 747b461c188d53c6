-- Every measurement with everything known about it. The unsteered answer enters once per run,
-- layer and item as multiplier 0 where the operator does nothing there. A leaked item
-- counts in a split only at layers at which that split was swept.
create view sweep as
with unsteered as (
    select run_id, item_id, layer
    from measurement
    group by run_id, item_id, layer
    having count(*) filter (where multiplier = 0) = 0
),

point as (
    select run_id, item_id, layer, multiplier, logit_diff, answer_logmass
    from measurement
    union all
    select
        unsteered.run_id,
        unsteered.item_id,
        unsteered.layer,
        0::double as multiplier,
        baseline.logit_diff,
        baseline.answer_logmass
    from unsteered
    inner join run on run.run_id = unsteered.run_id and run.identity_at_zero
    inner join baseline
        on baseline.evaluation_id = run.evaluation_id and baseline.item_id = unsteered.item_id
)

select
    run_label.*,
    split_item.split,
    point.item_id,
    item.question_id,
    item.option_order,
    item.positive_option,
    item.positive_answer,
    split_item.label_confidence,
    split_item.copies,
    point.layer,
    point.multiplier,
    point.logit_diff,
    point.answer_logmass,
    baseline.logit_diff as baseline_logit_diff,
    point.logit_diff::double - baseline.logit_diff::double as effect,
    1 / (1 + exp(-point.logit_diff::double)) as positive_prob,
    point.logit_diff > 0 as chose_positive
from point
inner join run_label using (run_id)
inner join split_item
    on split_item.dataset_id = run_label.dataset_id and split_item.item_id = point.item_id
left join item on item.item_id = point.item_id
left join baseline
    on baseline.evaluation_id = run_label.evaluation_id and baseline.item_id = point.item_id
where
    not split_item.leaked
    or exists (
        select 1
        from cell
        where
            cell.run_id = point.run_id
            and cell.split = split_item.split
            and cell.layer = point.layer
    );
