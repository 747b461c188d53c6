-- What was computed with its labels and q values.
with
families as (
    select id.*, q
    from q_values((
        select list({
            'id': {'run_id': run_id, 'layer': layer, 'factor': factor},
            'family': factor,
            'p': p
        })
        from computed
    ))
),

missing as (
    from missing_of($experiment, $model, $concept, $method)
    where split = $split
)

select
    asked.model,
    asked.concept,
    asked.variant,
    asked.method,
    computed.layer,
    computed.factor,
    computed.alone,
    computed.adds,
    computed.adds_adjusted,
    computed.effect,
    computed.p,
    families.q,
    computed.undetermined,
    coalesce(missing.n_missing, 0) = 0 as complete,
    computed.explained,
    computed.explained_p,
    asked.fit_concept,
    asked.fit_variant,
    asked.seed,
    asked.resample,
    asked.norm,
    asked.operator,
    asked.scope,
    $split as split,
    computed.n_items,
    computed.n_questions,
    computed.n_factors,
    computed.sd_slope,
    computed.slope_floor,
    computed.n_multipliers,
    $multiplier_bound as multiplier_bound,
    asked.run_id
from asked_cards($experiment, $model, $concept, $method, $role, null) as asked
inner join computed using (run_id)
left join families using (run_id, layer, factor)
left join missing using (run_id, layer)
order by
    asked.model, asked.concept, asked.method, asked.fit_variant, asked.variant, computed.layer,
    asked.scope, asked.seed, asked.resample, asked.run_id,
    array_position(
        [
            'letter', 'yes_no', 'swapped', 'prompt_tokens', 'length_difference',
            'label_confidence', 'answer_mass'
        ],
        computed.factor
    )
