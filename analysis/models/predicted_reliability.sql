-- What was computed beside the labels of its family of concepts.
with label as (
    select
        family,
        any_value(model_id) as model_id,
        any_value(model) as model,
        any_value(method) as method,
        any_value(norm) as norm,
        any_value(operator) as operator,
        any_value(scope) as scope,
        any_value(fit_variant) as fit_variant,
        any_value(layer) as layer,
        min(n_multipliers) as n_multipliers,
        bool_and(complete) as complete
    from concept_outcomes
    group by family
)

select
    label.model,
    label.method,
    label.layer,
    label.fit_variant,
    computed.outcome,
    computed.n_concepts,
    computed.skill,
    computed.skill_low,
    computed.skill_high,
    computed.p,
    computed.weights,
    label.complete,
    computed.n_predictors,
    computed.mean_error,
    computed.mean_error_of_mean,
    computed.penalty,
    label.norm,
    label.operator,
    label.scope,
    $split as split,
    label.n_multipliers,
    $multiplier_bound::double as multiplier_bound,
    label.model_id
from computed
inner join label using (family)
order by label.model, computed.family, computed.outcome
