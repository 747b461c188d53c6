-- Statistics that DuckDB lacks, in closed form, so that views and analyses need no Python.
-- Null in, null out; what is undefined (no degree of freedom, one question) is null, never NaN.
-- "A&S" is Abramowitz and Stegun 1964, Handbook of Mathematical Functions.

-- Standard normal distribution -------------------------------------------------------------------

-- P(Z <= x), absolute error below 1e-15. Series of A&S 26.2.11, all of whose terms are positive.
create or replace macro normal_cdf(x) as
    case
        when abs(x) > 9 then (x > 0)::integer::double
        else
            0.5 + x * exp(-x * x / 2) / sqrt(2 * pi()) * list_reduce(
                range(120, 0, -1)::double[], lambda s, k: 1 + s * x * x / (2 * k + 1), 1.0::double
            )
    end;

-- x with P(Z <= x) = p. Start by A&S 26.2.23 (error below 4.5e-4), then three Newton steps.
create or replace macro normal_quantile_start(r) as
    r - (2.515517 + 0.802853 * r + 0.010328 * r * r)
    / (1 + 1.432788 * r + 0.189269 * r * r + 0.001308 * r * r * r);
create or replace macro normal_quantile(p) as
    case
        when p > 0 and p < 1 then list_reduce(
            [0, 0, 0]::double[],
            lambda x, k: x - (normal_cdf(x) - p) * sqrt(2 * pi()) * exp(x * x / 2),
            sign(p - 0.5) * normal_quantile_start(sqrt(-2 * ln(least(p, 1 - p))))
        )
    end;

-- Student's t with a whole number of degrees of freedom ------------------------------------------

-- P(|T| <= t) with its sign, for t = sqrt(df) * tan(angle). Finite series of A&S 26.7.3 (odd df)
-- and 26.7.4 (even df), summed from its last term.
create or replace macro student_t_series(angle, df) as
    list_reduce(
        range((df - 2 - df % 2) // 2, 0, -1)::double[],
        lambda s, k: 1 + s * cos(angle) * cos(angle) * (2 * k - 1 + df % 2) / (2 * k + df % 2),
        1.0::double
    );
create or replace macro student_t_central(angle, df) as
    case
        when df = 1 then 2 * angle / pi()
        when df % 2 = 0 then sin(angle) * student_t_series(angle, df)
        else 2 / pi() * (angle + sin(angle) * cos(angle) * student_t_series(angle, df))
    end;

-- P(T <= t), absolute error below 1e-13.
create or replace macro student_t_cdf(t, df) as
    case when df >= 1 then 0.5 + student_t_central(atan(t / sqrt(df)), df::bigint) / 2 end;

-- P(|T| >= |t|), the two-sided p value.
create or replace macro student_t_two_sided(t, df) as
    case
        when df >= 1 and t is not null
            then greatest(0, 1 - student_t_central(atan(abs(t) / sqrt(df)), df::bigint))
    end;

-- t with P(T <= t) = p. Newton in the angle, where the density is a power of the cosine: from the
-- normal quantile every step stays on the same side, and df = 1 needs one step.
create or replace macro student_t_quantile(p, df) as
    case
        when p > 0 and p < 1 and df >= 1 then sqrt(df) * tan(list_reduce(
            range(12)::double[],
            lambda angle, k:
                angle - (student_t_central(angle, df::bigint) - (2 * p - 1))
                / (2 * exp(lgamma((df + 1) / 2.0) - lgamma(df / 2.0)) / sqrt(pi()))
                / pow(cos(angle), df - 1),
            atan(normal_quantile(p) / sqrt(df))
        ))
    end;
