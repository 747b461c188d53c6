-- The layer that each of some experiments (names or globs; null: every one) chose for its runs, read
-- from what it asks, so that what others measure moves nothing. The one layer at which it reports a
-- run (`layers: best`, a single layer, a null or resample); else the one layer of the nulls and
-- resamples that ride along with the runs of that model, concept, fitted concept, method, norm,
-- operator and scope; else, for a list of layers with nothing beside them, the rule of best_layer
-- among the layers that it asks: the largest mean slope, over its own multipliers and items, among
-- those not degenerate, of the fit on base evaluated on base (or on the first variants), on
-- validation; on the test split (cross_fitted) where a layer has no validation slopes.
create macro experiment_choice_of(experiments) as table
with asked as (
    select experiment, run_id, split, layer, multiplier, n_asked
    from experiment_run
    where is_asked(experiment, experiments)
),

reported as (
    select asked.experiment, asked.run_id, asked.layer
    from asked
    inner join run_card using (run_id)
    where asked.split <> 'validation' or run_card.role <> 'fitted'
    group by asked.experiment, asked.run_id, asked.layer
),

single as (
    select experiment, run_id, any_value(layer) as layer
    from reported
    group by experiment, run_id
    having count(*) = 1
),

ridden as (
    select
        single.experiment,
        parent.model_id,
        parent.dataset_id,
        parent.fit_dataset_ids,
        parent.method,
        parent.norm,
        parent.operator,
        parent.scope,
        any_value(single.layer) as layer
    from single
    inner join run_card as derived using (run_id)
    inner join run_card as parent
        on
            parent.vector_id = derived.parent_vector_id
            and parent.evaluation_id = derived.evaluation_id
            and parent.operator = derived.operator
            and parent.scope = derived.scope
    group by all
    having count(distinct single.layer) = 1
),

settled as (
    select experiment, run_id, layer
    from single
    union all
    select reported.experiment, reported.run_id, any_value(ridden.layer) as layer
    from reported
    inner join run_card using (run_id)
    inner join ridden using (experiment, model_id, dataset_id, method, norm, operator, scope)
    anti join single using (experiment, run_id)
    where ridden.fit_dataset_ids is not distinct from run_card.fit_dataset_ids
    group by reported.experiment, reported.run_id
),

unsettled as (
    select asked.experiment, run_card.*
    from (select distinct experiment, run_id from asked) as asked
    inner join run_card using (run_id)
    anti join settled using (experiment, run_id)
    where run_card.role = 'fitted' and run_card.dataset_id is not null
),

base as (
    select coalesce(list(id), []) as ids
    from name
    where kind = 'variant' and name = 'base'
),

chooser as (
    select unsettled.*
    from unsettled
    cross join base
    where
        (unsettled.identity_at_zero or unsettled.graded)
        and (
            unsettled.fit_dataset_ids is null
            or list_contains(unsettled.fit_dataset_ids, unsettled.dataset_id)
        )
    qualify
        dense_rank() over (
            partition by experiment, model_id, dataset_id, method, norm, operator, scope
            order by
                len(fit_variant_ids),
                coalesce(list_has_any(fit_variant_ids, base.ids), false) desc,
                fit_variant,
                list_contains(base.ids, variant_id) desc,
                variant,
                fit_variant_ids,
                variant_id
        ) = 1
),

steered as (
    select
        chooser.experiment,
        measurement.run_id,
        measurement.layer,
        measurement.item_id,
        measurement.multiplier,
        measurement.logit_diff::double as logit_diff
    from measurement
    inner join (
        select distinct experiment, run_id, layer, multiplier
        from asked
        where abs(multiplier) <= 1.5
    ) as point using (run_id, layer, multiplier)
    inner join chooser using (experiment, run_id)
),

curve as (
    from steered
    union all
    select lacking.*, 0 as multiplier, baseline.logit_diff::double as logit_diff
    from (
        select experiment, run_id, layer, item_id
        from steered
        group by experiment, run_id, layer, item_id
        having count(*) filter (where multiplier = 0) = 0
    ) as lacking
    inner join chooser using (experiment, run_id)
    inner join baseline
        on
            baseline.evaluation_id = chooser.evaluation_id
            and baseline.item_id = lacking.item_id
    where chooser.identity_at_zero
),

slope as (
    select experiment, run_id, layer, item_id, regr_slope(logit_diff, multiplier) as slope
    from curve
    group by experiment, run_id, layer, item_id
    having count(*) >= 3 and min(multiplier) < max(multiplier)
),

-- n_asked counts a split's first items
placed as (
    select
        dataset_id,
        split,
        item_id,
        row_number() over (partition by dataset_id, split order by min(row)) as place,
        count(*) over (partition by dataset_id, item_id) > 1 as leaked
    from dataset_item
    group by dataset_id, split, item_id
),

limits as (
    select experiment, run_id, split, min(n_asked) as n_asked
    from asked
    group by experiment, run_id, split
),

candidate as (
    select
        chooser.experiment,
        chooser.model_id,
        chooser.dataset_id,
        chooser.method,
        chooser.norm,
        chooser.operator,
        chooser.scope,
        placed.split,
        slope.layer,
        avg(slope.slope) as steerability
    from slope
    inner join chooser using (experiment, run_id)
    inner join placed using (dataset_id, item_id)
    left join limits using (experiment, run_id, split)
    left join vector_layer using (vector_id, layer)
    left join (select distinct run_id, split, layer from cell) as swept using (run_id, split, layer)
    where
        placed.split in ('validation', 'test')
        and (limits.n_asked is null or placed.place <= limits.n_asked)
        and not coalesce(vector_layer.degenerate, false)
        and (not placed.leaked or swept.run_id is not null)
    group by all
),

own as (
    select *, split = 'test' and n_layers > 1 as cross_fitted
    from (
        select
            *,
            count(*) over (
                partition by experiment, model_id, dataset_id, method, norm, operator, scope, split
            ) as n_layers
        from candidate
    )
    qualify
        row_number() over (
            partition by experiment, model_id, dataset_id, method, norm, operator, scope
            order by n_layers desc, split = 'validation' desc, round(steerability, 6) desc, layer
        ) = 1
)

select experiment, run_id, layer, false as cross_fitted
from settled
union all
-- an operator without a slope takes the layer of `add`, else of the first that has one
select unsettled.experiment, unsettled.run_id, own.layer, own.cross_fitted
from unsettled
inner join own using (experiment, model_id, method, norm, scope)
where
    own.dataset_id = coalesce(unsettled.fit_dataset_ids[1], unsettled.dataset_id)
    and (own.operator = unsettled.operator or not unsettled.graded)
qualify
    row_number() over (
        partition by unsettled.experiment, unsettled.run_id
        order by own.operator <> 'add', own.operator
    ) = 1;

create view experiment_choice as
from experiment_choice_of(null);
