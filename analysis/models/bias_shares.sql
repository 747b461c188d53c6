-- What was computed with its labels, q values and intervals: symmetric in Fisher's z of the adjusted
-- share, atanh(sqrt(share)), with Student's t; that of what is unexplained is the mirror of what is
-- explained.
with
families as (
    select id.*, q
    from q_values((
        select list({
            'id': {'run_id': run_id, 'layer': layer, 'kind': kind, 'factor': factor},
            'family': {'kind': kind, 'factor': factor},
            'p': p
        })
        from computed
    ))
),

judged as (
    select
        computed.*,
        families.q,
        if(factor = 'unexplained', 1 - adjusted, adjusted) as explained,
        case
            when undetermined is not null then undetermined
            when p >= round(1 - $confidence, 9) then 'p is not below ' || round(1 - $confidence, 6)
            when z_standard_error is null then 'one question'
            when explained <= 0 then
                if(factor = 'unexplained', 'adjusted is not below 1', 'adjusted is not above 0')
        end as no_interval
    from computed
    left join families using (run_id, layer, kind, factor)
),

t_factors as (
    select n, t_factor($confidence, n) as t_factor
    from (select distinct floor(df)::bigint + 1 as n from judged where no_interval is null)
),

bounded as (
    select
        judged.*,
        case
            when no_interval is not null then null
            when explained >= 1 then [1.0, 1.0]
            else list_transform(
                [
                    greatest(0, atanh(sqrt(explained)) - t_factor * z_standard_error),
                    atanh(sqrt(explained)) + t_factor * z_standard_error
                ],
                lambda z: pow(tanh(z), 2)
            )
        end as bounds
    from judged
    left join t_factors
        on judged.no_interval is null and t_factors.n = floor(judged.df)::bigint + 1
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
    bounded.layer,
    bounded.kind,
    bounded.factor,
    bounded.share,
    bounded.adjusted,
    if(bounded.factor = 'unexplained', 1 - bounds[2], bounds[1]) as share_low,
    if(bounded.factor = 'unexplained', 1 - bounds[1], bounds[2]) as share_high,
    bounded.p,
    bounded.undetermined,
    coalesce(missing.n_missing, 0) = 0 as complete,
    bounded.q,
    bounded.no_interval,
    bounded.z_standard_error,
    bounded.df,
    asked.fit_concept,
    asked.fit_variant,
    asked.seed,
    asked.resample,
    asked.norm,
    asked.operator,
    asked.scope,
    $split as split,
    bounded.n_items,
    bounded.n_questions,
    bounded.n_rare,
    bounded.sd_slope,
    bounded.slope_floor,
    bounded.n_multipliers,
    $multiplier_bound as multiplier_bound,
    asked.run_id
from asked_cards($experiment, $model, $concept, $method, $role, null) as asked
inner join bounded using (run_id)
left join missing using (run_id, layer)
order by
    asked.model, asked.concept, asked.method, asked.fit_variant, asked.variant, bounded.layer,
    asked.scope, asked.seed, asked.resample, asked.run_id, bounded.kind desc,
    array_position(
        ['letter', 'yes_no', 'interaction', 'question_by_letter', 'question', 'unexplained'],
        bounded.factor
    )
