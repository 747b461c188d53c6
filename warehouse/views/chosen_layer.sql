-- The layer that validation chose for each run: that of its method, norm, operator and scope on the
-- concept its vector was fitted on (on its own dataset where it was fitted on none).
create view chosen_layer as
select run_card.run_id, best_layer.layer
from run_card
inner join best_layer
    on
        best_layer.model_id = run_card.model_id
        and best_layer.dataset_id = coalesce(run_card.fit_dataset_ids[1], run_card.dataset_id)
        and best_layer.method = run_card.method
        and best_layer.norm = run_card.norm
        and best_layer.operator = run_card.operator
        and best_layer.scope = run_card.scope;

-- The runs that an analysis is asked about, each with its chosen layer where only that is asked for
-- (null elsewhere, which spares the choice): that of the experiments asked about where they agree on
-- one, else that of all validation slopes. Filters as in asked_runs, null for none.
create macro asked_cards(experiments, models, concepts, methods, asked_role, asked_layer) as table
with own as (
    select run_id, any_value(layer) as layer
    from experiment_choice
    where experiments is not null and is_asked(experiment, experiments)
    group by run_id
    having count(distinct layer) = 1
)

select run_card.*, coalesce(own.layer, chosen_layer.layer) as chosen_layer
from run_card
left join own on asked_layer = 'best' and own.run_id = run_card.run_id
left join chosen_layer on asked_layer = 'best' and chosen_layer.run_id = run_card.run_id
where
    run_card.role = asked_role
    and run_card.run_id in (from asked_runs(experiments, models, concepts, methods));
