-- Correlations over groups of points, with intervals whose unit is the concept. `points` is a list of
-- structs {g, c, x, y}: group, concept, the two numbers; so one macro serves every analysis:
-- from correlations((select list({'g': ..., 'c': ..., 'x': ..., 'y': ...}) from points), 1000, 0.95).

-- Bounds on the scale of Fisher's z (Fisher 1921, Metron 1, 3-32): the standard error of z is
-- 1 / sqrt(n - 3) for Pearson's r and sqrt((1 + r^2 / 2) / (n - 3)) for Spearman's (Bonett and Wright
-- 2000, Psychometrika 65, 23-28). Null below 4 points and for a correlation of 1 or -1.
create or replace macro fisher_bound(r, spread, n, z) as
    case when n > 3 and abs(r) < 1 then tanh(atanh(r) + z * sqrt(spread / (n - 3))) end;
create or replace macro pearson_low(r, n, confidence) as
    fisher_bound(r, 1, n, -normal_quantile(0.5 + confidence / 2));
create or replace macro pearson_high(r, n, confidence) as
    fisher_bound(r, 1, n, normal_quantile(0.5 + confidence / 2));
create or replace macro spearman_low(r, n, confidence) as
    fisher_bound(r, 1 + r * r / 2, n, -normal_quantile(0.5 + confidence / 2));
create or replace macro spearman_high(r, n, confidence) as
    fisher_bound(r, 1 + r * r / 2, n, normal_quantile(0.5 + confidence / 2));

-- Two-sided p of no correlation by Student's t with n - 2 degrees of freedom, for Pearson's r under
-- normality and as the usual approximation for Spearman's.
create or replace macro correlation_p(r, n) as
    case
        when n > 2 and abs(r) >= 1 then 0.0
        when n > 2 then student_t_two_sided(r * sqrt((n - 2) / (1 - r * r)), n - 2)
    end;

-- One row per group. Spearman's is Pearson's on mid-ranks. Points with a null are left out; a
-- correlation is null where one side does not vary, and rounded, so that a perfect order gives
-- exactly 1 and the order of adding up decides nothing. The bootstrap (`draws` resamples of concepts
-- with all their points, fixed by hashes of draw and place; percentile interval of Spearman's)
-- leaves out resamples in which one side does not vary. Where concepts have several points only
-- the bootstrap is an interval: the others take points for independent.
create or replace macro correlations(points, draws, confidence) as table
with point as (
    select g, c, x, y
    from (select unnest(points, max_depth := 2))
    where x is not null and y is not null
),

ranked as (
    select
        g,
        x,
        y,
        dense_rank() over (partition by g order by c) as k,
        rank() over (partition by g order by x)
        + (count(*) over (partition by g, x) - 1) / 2.0 as rank_x,
        rank() over (partition by g order by y)
        + (count(*) over (partition by g, y) - 1) / 2.0 as rank_y
    from point
),

observed as (
    select
        g,
        count(*) as n,
        if(min(x) < max(x) and min(y) < max(y), round(corr(x, y), 12), null) as pearson,
        if(min(x) < max(x) and min(y) < max(y), round(corr(rank_x, rank_y), 12), null)
            as spearman
    from ranked
    group by g
),

unit as (
    select distinct g, k, max(k) over (partition by g) as n
    from ranked
),

drawn as (
    select
        unit.g,
        draw.d,
        1 + (hash(draw.d, unit.k) % unit.n::ubigint)::bigint as k
    from unit
    cross join range(draws) as draw(d)
),

redrawn as (
    select
        drawn.g,
        drawn.d,
        rank() over (partition by drawn.g, drawn.d order by x)
        + (count(*) over (partition by drawn.g, drawn.d, x) - 1) / 2.0 as rank_x,
        rank() over (partition by drawn.g, drawn.d order by y)
        + (count(*) over (partition by drawn.g, drawn.d, y) - 1) / 2.0 as rank_y
    from drawn
    inner join ranked using (g, k)
),

replicate as (
    select g, d, corr(rank_x, rank_y) as spearman
    from redrawn
    group by g, d
    having min(rank_x) < max(rank_x) and min(rank_y) < max(rank_y)
),

bootstrap as (
    select
        g,
        quantile_cont(spearman, 0.5 - confidence / 2) as low,
        quantile_cont(spearman, 0.5 + confidence / 2) as high
    from replicate
    group by g
)

select
    observed.g,
    observed.n,
    observed.spearman,
    spearman_low(observed.spearman, observed.n, confidence) as spearman_low,
    spearman_high(observed.spearman, observed.n, confidence) as spearman_high,
    correlation_p(observed.spearman, observed.n) as spearman_p,
    bootstrap.low as bootstrap_low,
    bootstrap.high as bootstrap_high,
    observed.pearson,
    pearson_low(observed.pearson, observed.n, confidence) as pearson_low,
    pearson_high(observed.pearson, observed.n, confidence) as pearson_high,
    correlation_p(observed.pearson, observed.n) as pearson_p
from observed
left join bootstrap using (g);

-- q values of a family of p values (Benjamini and Hochberg 1995, J. Royal Statistical Society B 57,
-- 289-300): `points` is a list of structs {id, family, p}; nulls are no part of a family.
create or replace macro q_values(points) as table
with point as (
    select id, family, p
    from (select unnest(points, max_depth := 2))
    where p is not null
),

scaled as (
    select
        id,
        family,
        p,
        p * count(*) over (partition by family)
        / row_number() over (partition by family order by p) as scaled
    from point
)

select
    id,
    family,
    p,
    least(1, min(scaled) over (partition by family order by p desc)) as q
from scaled;

-- p values after Holm's correction (Holm 1979, Scandinavian Journal of Statistics 6, 65-70): the chance of
-- a single false one in the family is held. `points` as for q_values.
create or replace macro holm_values(points) as table
with point as (
    select id, family, p
    from (select unnest(points, max_depth := 2))
    where p is not null
),

scaled as (
    select
        id,
        family,
        p,
        p * (
            count(*) over (partition by family) + 1
            - row_number() over (partition by family order by p)
        ) as scaled
    from point
)

select
    id,
    family,
    p,
    least(1, max(scaled) over (partition by family order by p)) as p_holm
from scaled;
