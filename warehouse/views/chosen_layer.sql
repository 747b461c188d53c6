-- The layer that validation (where there is none, the test split: cross_fitted) chose for each run:
-- that of its method, norm, operator and scope on the concept its vector was fitted on (on its own
-- dataset where it was fitted on none). An operator without a slope takes the layer of `add`, else of
-- the first by name that has one (specs.operators.choosing).
create view chosen_layer as
select run_card.run_id, best_layer.layer, best_layer.cross_fitted
from run_card
inner join best_layer using (model_id, method, norm, scope)
where
    best_layer.dataset_id = coalesce(run_card.fit_dataset_ids[1], run_card.dataset_id)
    and (best_layer.operator = run_card.operator or not run_card.graded)
qualify
    row_number() over (
        partition by run_card.run_id order by best_layer.operator <> 'add', best_layer.operator
    ) = 1;

-- The runs that an analysis is asked about, each with its chosen layer where only that is asked for
-- (null elsewhere, which spares the choice): that of the experiments asked about where they agree on
-- one, else that of all validation slopes, where it is a layer that they ask for. Filters as in
-- asked_runs, null for none. An id is shown by the name that was asked for, with its number where it is
-- an older version (shown_name).
create macro asked_cards(experiments, models, concepts, methods, asked_role, asked_layer) as table
with own as (
    select run_id, any_value(layer) as layer, bool_or(cross_fitted) as cross_fitted
    from experiment_choice_of(experiments)
    where experiments is not null
    group by run_id
    having count(distinct layer) = 1
),

among_all as (
    select chosen_layer.run_id, chosen_layer.layer, chosen_layer.cross_fitted
    from chosen_layer
    where
        experiments is null
        or (chosen_layer.run_id, chosen_layer.layer) in (from asked_layers(experiments))
),

asked_name as (
    select kind, id, min(name) as name
    from name
    where
        (kind = 'model' and models is not null and is_asked(name, models))
        or (kind = 'concept' and concepts is not null and is_asked(name, concepts))
        or (kind = 'method' and methods is not null and is_asked(name, methods))
    group by kind, id
),

shown as materialized (
    select
        shown_name.kind,
        shown_name.id,
        coalesce(asked_name.name, shown_name.name) || shown_name.suffix as name
    from shown_name
    left join asked_name using (kind, id)
)

select
    run_card.* replace (
        coalesce(model_name.name, run_card.model) as model,
        coalesce(concept_name.name, run_card.concept) as concept,
        coalesce(variant_name.name, run_card.variant) as variant,
        coalesce(method_name.name, run_card.method) as method
    ),
    coalesce(own.layer, among_all.layer) as chosen_layer,
    coalesce(own.cross_fitted, among_all.cross_fitted) as cross_fitted
from run_card
left join shown as model_name
    on model_name.kind = 'model' and model_name.id = run_card.model_id
left join shown as concept_name
    on concept_name.kind = 'concept' and concept_name.id = run_card.dataset_id
left join shown as variant_name
    on variant_name.kind = 'variant' and variant_name.id = run_card.variant_id
left join shown as method_name
    on method_name.kind = 'method' and method_name.id = run_card.vector_id
left join own on asked_layer = 'best' and own.run_id = run_card.run_id
left join among_all on asked_layer = 'best' and among_all.run_id = run_card.run_id
where
    run_card.role = asked_role
    and run_card.run_id in (from asked_runs(experiments, models, concepts, methods));
