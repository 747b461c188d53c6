-- The best multiplier of each run and layer: that of all rollouts (as published, too good, for the same
-- rollouts choose and report), and for each half of them the one that the other half chooses
-- (is_first_sample), whose value does not flatter. `objective` is product_of_means or
-- mean_of_products. The halves' mean has 1.36 times the variance of independent ones
-- (cross_fit_inflation).
create macro best_scales(experiments, models, concepts, methods, asked_role, objective) as table
with pair as materialized (
    select
        *,
        is_first_sample(evaluation_id, prompt_id, sample) as is_first
    from scored_pairs(experiments, models, concepts, methods, asked_role)
),

counted as (
    select
        run_id,
        behaviour_id,
        coherence_id,
        layer,
        count(*) filter (where failed) as n_failed,
        count(*) filter (where missing) as n_missing
    from pair
    group by run_id, behaviour_id, coherence_id, layer
),

part as (
    select
        run_id,
        behaviour_id,
        coherence_id,
        layer,
        multiplier,
        is_first,
        count(*) as n,
        avg(behaviour) as b,
        avg(coherence) as c,
        avg(behaviour * coherence) as bc,
        cluster_standard_error(behaviour, 1) as b_error,
        cluster_standard_error(coherence, 1) as c_error,
        cluster_covariance(behaviour, 1, coherence, 1) as covariance,
        cluster_standard_error(behaviour * coherence, 1) as bc_error
    from pair
    where behaviour is not null and coherence is not null
    group by grouping sets (
        (run_id, behaviour_id, coherence_id, layer, multiplier, is_first),
        (run_id, behaviour_id, coherence_id, layer, multiplier)
    )
),

valued as materialized (
    select
        *,
        if(objective = 'mean_of_products', bc, b * c) as value,
        if(
            objective = 'mean_of_products',
            pow(bc_error, 2),
            product_variance(b, pow(b_error, 2), c, pow(c_error, 2), covariance)
        ) as variance
    from part
),

-- equal ones are told apart by their size: rounded, so that the order of adding up decides nothing
in_sample as (
    select
        *,
        count(*) over of_run as n_multipliers
    from valued
    where is_first is null
    window of_run as (partition by run_id, behaviour_id, coherence_id, layer)
    qualify
        row_number() over (of_run order by round(value, 9) desc, abs(multiplier), multiplier) = 1
),

-- what either half chooses, beside the half that reports it
chosen as (
    select run_id, behaviour_id, coherence_id, layer, not half.is_first as is_first, multiplier
    from valued as half
    where half.is_first is not null
    qualify
        row_number() over (
            partition by run_id, behaviour_id, coherence_id, layer, half.is_first
            order by round(value, 9) desc, abs(multiplier), multiplier
        ) = 1
),

held_out as (
    select
        run_id,
        behaviour_id,
        coherence_id,
        layer,
        max(multiplier) filter (where is_first) as multiplier_first,
        max(multiplier) filter (where not is_first) as multiplier_second,
        sum(valued.n * value) / sum(valued.n) as value,
        sum(valued.n * b) / sum(valued.n) as behaviour,
        sum(valued.n * c) / sum(valued.n) as coherence,
        -- a half of one rollout has no variance, and so has the whole
        if(count(variance) = 2, sqrt(
            cross_fit_inflation() * sum(pow(valued.n, 2) * variance) / pow(sum(valued.n), 2)
        ), null) as error,
        sum(valued.n)::bigint as n
    from chosen
    inner join valued using (run_id, behaviour_id, coherence_id, layer, multiplier, is_first)
    group by run_id, behaviour_id, coherence_id, layer
    having count(*) = 2
)

select
    in_sample.run_id,
    in_sample.behaviour_id,
    in_sample.coherence_id,
    in_sample.layer,
    in_sample.multiplier,
    in_sample.value as in_sample,
    in_sample.b as behaviour,
    in_sample.c as coherence,
    in_sample.n,
    in_sample.n_multipliers,
    held_out.multiplier_first,
    held_out.multiplier_second,
    held_out.value as held_out,
    held_out.error as held_out_error,
    held_out.behaviour as held_out_behaviour,
    held_out.coherence as held_out_coherence,
    held_out.n as held_out_n,
    counted.n_failed,
    counted.n_missing
from in_sample
inner join counted using (run_id, behaviour_id, coherence_id, layer)
left join held_out using (run_id, behaviour_id, coherence_id, layer);
