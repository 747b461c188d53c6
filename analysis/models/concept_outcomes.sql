-- The concepts of every model and way of fitting: geometry of the vector and how it fares.
select
    dense_rank() over (
        order by model_id, method, norm, operator, parameters, scope, fit_variant, layer
    ) as family,
    *
from asked_outcomes($experiment, $model, $concept, $method, $split, $layer, $multiplier_bound)
order by family, concept, dataset_id
