-- What an experiment asked for and what is there: missing = asked - measured - refused. Counted
-- from the rows themselves, not from `cell`. At multiplier 0 an item is measured when its unsteered
-- answer is there, for operators that do nothing at 0.
create view coverage as
with steered as (
    select measurement.run_id, split_item.split, measurement.layer, measurement.multiplier,
        count(*) as n
    from measurement
    inner join run using (run_id)
    inner join evaluation using (evaluation_id)
    inner join split_item
        on
            split_item.dataset_id = evaluation.dataset_id
            and split_item.item_id = measurement.item_id
    group by measurement.run_id, split_item.split, measurement.layer, measurement.multiplier
    union all
    -- the texts of a text set are one split
    select run_id, 'text', layer, multiplier, count(*)
    from damage
    group by run_id, layer, multiplier
    union all
    -- and so are the rollouts of a prompt set
    select run_id, 'rollout', layer, multiplier, count(*)
    from rollout
    where run_id is not null
    group by run_id, layer, multiplier
),

unsteered as (
    select baseline.evaluation_id, split_item.split, count(*) as n
    from baseline
    inner join evaluation using (evaluation_id)
    inner join split_item
        on split_item.dataset_id = evaluation.dataset_id and split_item.item_id = baseline.item_id
    group by baseline.evaluation_id, split_item.split
),

refusal as (
    select refused.evaluation_id, split_item.split, count(*) as n
    from refused
    inner join evaluation using (evaluation_id)
    inner join split_item
        on split_item.dataset_id = evaluation.dataset_id and split_item.item_id = refused.item_id
    -- an item that was beyond the context once, and later not, is refused no more
    anti join baseline
        on
            baseline.evaluation_id = refused.evaluation_id
            and baseline.item_id = refused.item_id
    group by refused.evaluation_id, split_item.split
),

counted as (
    select
        experiment_run.*,
        least(
            experiment_run.n_asked,
            greatest(
                coalesce(steered.n, 0),
                if(
                    run_card.identity_at_zero and experiment_run.multiplier = 0,
                    coalesce(unsteered.n, 0),
                    0
                )
            )
        ) as n_measured,
        coalesce(refusal.n, 0) as n_refused_in_split,
        run_card.* exclude (run_id)
    from experiment_run
    left join run_card using (run_id)
    left join steered using (run_id, split, layer, multiplier)
    left join unsteered
        on
            unsteered.evaluation_id = run_card.evaluation_id
            and unsteered.split = experiment_run.split
    left join refusal
        on
            refusal.evaluation_id = run_card.evaluation_id
            and refusal.split = experiment_run.split
)

select
    experiment,
    run_id,
    split,
    layer,
    multiplier,
    evaluation_id,
    model_id,
    dataset_id,
    variant_id,
    model,
    concept,
    variant,
    method,
    fit_concept,
    fit_variant,
    role,
    norm,
    operator,
    scope,
    n_asked,
    n_measured,
    least(n_refused_in_split, n_asked - n_measured) as n_refused,
    n_asked - n_measured - least(n_refused_in_split, n_asked - n_measured) as n_missing
from counted;
