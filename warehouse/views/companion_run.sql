-- The runs that stand beside a fitted vector's run: its nulls and its resamples, applied in the same
-- way to the same prompts.
create view companion_run as
select
    own.run_id,
    run.run_id as companion_run_id,
    vector.role,
    if(vector.role = 'null', vector.method, 'resample') as kind,
    vector.resample
from run as own
inner join vector on vector.parent_vector_id = own.vector_id and vector.role in ('null', 'resample')
inner join run
    on
        run.vector_id = vector.vector_id
        and run.evaluation_id = own.evaluation_id
        and run.operator = own.operator
        and run.parameters = own.parameters
        and run.scope = own.scope;

-- What stands beside runs: how far their nulls and resamples move the same items. `means` is a list of
-- structs {run_id, layer, n_items, n_multipliers, mean}, of runs and their companions alike; one
-- measured on fewer items or multipliers is no yardstick. Two-sided p by Student's prediction interval
-- for one further vector, by rank, and q over all runs of a kind of null. One row per run_id, layer.
create macro beside_runs(means) as table
with mean as materialized (
    select run_id, layer, n_items, n_multipliers, mean
    from (select unnest(means, max_depth := 2))
),

beside as materialized (
    select
        fitted.run_id,
        fitted.layer,
        companion_run.role,
        companion_run.kind,
        any_value(fitted.mean) as own,
        count(*) as n,
        avg(other.mean) as mean,
        stddev_samp(other.mean) as sd,
        list(abs(other.mean)) as sizes
    from companion_run
    inner join mean as other on other.run_id = companion_run.companion_run_id
    inner join mean as fitted
        on
            fitted.run_id = companion_run.run_id
            and fitted.layer = other.layer
            and fitted.n_items = other.n_items
            and fitted.n_multipliers = other.n_multipliers
    group by fitted.run_id, fitted.layer, companion_run.role, companion_run.kind
),

null_p as materialized (
    select
        *,
        (own - mean) / nullif(sd * sqrt(1 + 1 / n), 0) as t,
        prediction_p(own, mean, sd, n) as p,
        (1 + len(list_filter(sizes, lambda size: size >= abs(own)))) / (n + 1) as rank_p
    from beside
    where role = 'null'
),

null_q as (
    select id.*, q
    from q_values((
        select list({
            'id': {'run_id': run_id, 'layer': layer, 'kind': kind},
            'family': kind,
            'p': p
        })
        from null_p
    ))
)

select
    beside.run_id,
    beside.layer,
    string_agg(beside.n || ' ' || beside.kind, ', ' order by beside.kind desc)
        filter (where beside.role = 'null') as nulls,
    max(beside.n) filter (where beside.kind = 'random') as random_n,
    max(beside.mean) filter (where beside.kind = 'random') as random_mean,
    max(beside.sd) filter (where beside.kind = 'random') as random_sd,
    max(t) filter (where beside.kind = 'random') as random_t,
    max(p) filter (where beside.kind = 'random') as random_p,
    max(rank_p) filter (where beside.kind = 'random') as random_rank_p,
    max(q) filter (where beside.kind = 'random') as random_q,
    max(beside.n) filter (where beside.kind = 'label_shuffled') as label_shuffled_n,
    max(beside.mean) filter (where beside.kind = 'label_shuffled') as label_shuffled_mean,
    max(beside.sd) filter (where beside.kind = 'label_shuffled') as label_shuffled_sd,
    max(t) filter (where beside.kind = 'label_shuffled') as label_shuffled_t,
    max(p) filter (where beside.kind = 'label_shuffled') as label_shuffled_p,
    max(rank_p) filter (where beside.kind = 'label_shuffled') as label_shuffled_rank_p,
    max(q) filter (where beside.kind = 'label_shuffled') as label_shuffled_q,
    max(beside.n) filter (where beside.role = 'resample') as n_resamples,
    max(beside.sd) filter (where beside.role = 'resample') as resample_sd
from beside
left join null_p using (run_id, layer, kind)
left join null_q using (run_id, layer, kind)
group by beside.run_id, beside.layer;
