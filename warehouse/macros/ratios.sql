-- How sure a ratio of two means is (Fieller 1954, J. Royal Statistical Society B 16, 175-185): the
-- ratios a / b that the data do not refuse, from both means, their variances and their covariance.
-- Where b itself cannot be told from 0 every size of ratio fits, and there is no interval.

-- Covariance of sum(total_a) / sum(n_a) with sum(total_b) / sum(n_b), clustered by question: the
-- pair of cluster_standard_error. An aggregate over questions that both have.
create or replace macro cluster_covariance(total_a, n_a, total_b, n_b) as
    case
        when count(*) > 1 then
            count(*) / (count(*) - 1) * count(*) / sum(n_a) / sum(n_b) * (
                covar_pop(total_a::double, total_b::double)
                - sum(total_b) / sum(n_b) * covar_pop(total_a::double, n_b::double)
                - sum(total_a) / sum(n_a) * covar_pop(n_a::double, total_b::double)
                + sum(total_a) / sum(n_a) * sum(total_b) / sum(n_b)
                * covar_pop(n_a::double, n_b::double)
            )
    end;

-- Whether b is told from 0 at the level of `t`, so that the ratio has an interval.
create or replace macro denominator_is_clear(b, variance_b, t) as b * b > t * t * variance_b;

-- One end of the interval of a / b; `side` is -1 for the lower and 1 for the upper.
create or replace macro fieller_bound(a, variance_a, b, variance_b, covariance, t, side) as
    case
        when denominator_is_clear(b, variance_b, t) then (
            a * b - t * t * covariance
            + side * sqrt(greatest(
                0,
                pow(a * b - t * t * covariance, 2)
                - (a * a - t * t * variance_a) * (b * b - t * t * variance_b)
            ))
        ) / (b * b - t * t * variance_b)
    end;

-- The interval of a / abs(b): b is clear of 0, so its sign is known.
create or replace macro relative_low(a, variance_a, b, variance_b, covariance, t) as
    if(
        b > 0,
        fieller_bound(a, variance_a, b, variance_b, covariance, t, -1),
        -fieller_bound(a, variance_a, b, variance_b, covariance, t, 1)
    );
create or replace macro relative_high(a, variance_a, b, variance_b, covariance, t) as
    if(
        b > 0,
        fieller_bound(a, variance_a, b, variance_b, covariance, t, 1),
        -fieller_bound(a, variance_a, b, variance_b, covariance, t, -1)
    );
create or replace macro relative_to(a, b, variance_b, t) as
    if(denominator_is_clear(b, variance_b, t), a / abs(b), null);

-- Two-sided p of a value against n null ones with that mean and standard deviation, by Student's
-- prediction interval for one further value.
create or replace macro prediction_p(value, null_mean, null_sd, n) as
    student_t_two_sided((value - null_mean) / nullif(null_sd * sqrt(1 + 1 / n), 0), n - 1);
