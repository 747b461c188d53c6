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
