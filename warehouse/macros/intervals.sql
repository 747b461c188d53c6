-- How sure a number is when what was drawn is questions: both orders of one question, and its
-- copies in other symbols, count as one draw. Inputs are sums per question, one row each, so every
-- macro with (total, n) or (hits, n) is an aggregate over questions.

-- Standard error of sum(total) / sum(n), clustered by question: the CR1 estimator for a mean,
-- sqrt(Q / (Q - 1) * sum of squared residual totals) / N (Cameron and Miller 2015, A Practitioner's
-- Guide to Cluster-Robust Inference, section II.C). Null for one question. Written with variances,
-- which DuckDB accumulates without cancellation.
create or replace macro cluster_standard_error(total, n) as
    case
        when count(*) > 1 then count(*) / sum(n) / sqrt(count(*) - 1) * sqrt(greatest(
            0,
            var_pop(total::double)
            - 2 * sum(total) / sum(n) * covar_pop(total::double, n::double)
            + pow(sum(total) / sum(n), 2) * var_pop(n::double)
        ))
    end;

-- Half the width of a mean's interval: standard error times Student's t, questions - 1 degrees of
-- freedom. Costs df / 2 steps: over many rows, call it once per distinct number of questions.
create or replace macro t_factor(confidence, n_questions) as
    student_t_quantile(0.5 + confidence / 2, n_questions - 1);

-- The same of a mean over units that are drawn by themselves, such as concepts; nulls are no unit. An
-- aggregate over units.
create or replace macro mean_half_width(value, confidence) as
    t_factor(confidence, count(value)) * stddev_samp(value) / sqrt(count(value));

-- Two-sided p that a mean slope, or a difference of two, is none; 1 where it is below `slope_floor`:
-- sure, and yet nothing that could be told from the model's own error.
create or replace macro difference_p(difference, standard_error, df, slope_floor) as
    if(
        abs(difference) < slope_floor,
        1.0,
        student_t_two_sided(difference / nullif(standard_error, 0), df)
    );

-- Intraclass correlation from mean squares between and within questions; `n` is the average size.
create or replace macro question_correlation_of(between_questions, within_questions, n) as
    (between_questions - within_questions)
    / nullif(between_questions + (n - 1) * within_questions, 0);

-- Correlation of two items of one question in a 0/1 property, `hits` of `n` items having it: the
-- analysis-of-variance estimator (Ridout, Demetrio and Firth 1999, Biometrics 55, 137-148),
-- within 0 and 1; null where nothing varies or no question has two items.
create or replace macro question_correlation(hits, n) as
    case
        when count(*) > 1 and sum(n) > count(*) and sum(hits) > 0 and sum(hits) < sum(n) then
            least(1, greatest(0, question_correlation_of(
                (sum(hits * hits / n) - sum(hits) * sum(hits) / sum(n)) / (count(*) - 1),
                (sum(hits) - sum(hits * hits / n)) / (sum(n) - count(*)),
                (sum(n) - sum(n * n) / sum(n)) / (count(*) - 1)
            )))
    end;

-- How many independent items the items are worth: N / (1 + (sum n^2 / N - 1) * correlation), Kish
-- 1965, Survey Sampling, section 5.4; an unknown correlation counts as 1, so that full agreement
-- gives the number of questions.
create or replace macro effective_number(hits, n) as
    sum(n) / (
        1 + (sum(n * n) / sum(n) - 1) * coalesce(question_correlation(hits, n), 1)
    );

-- Wilson's interval of a fraction (Wilson 1927) on an effective number of items, as Franco et al.
-- 2019 (J. Survey Statistics and Methodology 7, 334-364) recommend for clustered data. Null for an
-- effective number of 1 or less.
create or replace macro wilson_bound(fraction, n_effective, z) as
    case
        when n_effective > 1 and fraction is not null and z is not null then least(1, greatest(0, (
            fraction + z * z / (2 * n_effective) + z * sqrt(
                fraction * (1 - fraction) / n_effective + pow(z / (2 * n_effective), 2)
            )
        ) / (1 + z * z / n_effective)))
    end;
create or replace macro wilson_low(fraction, n_effective, confidence) as
    wilson_bound(fraction, n_effective, -normal_quantile(0.5 + confidence / 2));
create or replace macro wilson_high(fraction, n_effective, confidence) as
    wilson_bound(fraction, n_effective, normal_quantile(0.5 + confidence / 2));

-- A fraction's interval as the analyses state it: Wilson's, with Student's t (questions - 1 degrees
-- of freedom) for the normal quantile, because the effective number is estimated (Dean and Pagano
-- 2015, J. Survey Statistics and Methodology 3, 484-503), and half an effective item of continuity
-- correction (Newcombe 1998, Statistics in Medicine 17, 857-872, method 4), because hits are whole.
-- Plain Wilson covers .95 on average over truths and as little as .88 at some. This one covered .94
-- or more at every truth tried with 1 or 2 items a question (2: tests/analysis/coverage_reliability.py)
-- and .92 at the worst with 4 that agree strongly and a rare property; it is 5 to 20 % wider.
-- `quantile` is t_factor(confidence, questions).
create or replace macro fraction_low(fraction, n_effective, quantile) as
    case
        when fraction <= 0 and n_effective > 1 then 0
        when fraction > 0  -- greatest() passes over a null
            then wilson_bound(greatest(0, fraction - 0.5 / n_effective), n_effective, -quantile)
    end;
create or replace macro fraction_high(fraction, n_effective, quantile) as
    case
        when fraction >= 1 and n_effective > 1 then 1
        when fraction < 1
            then wilson_bound(least(1, fraction + 0.5 / n_effective), n_effective, quantile)
    end;

-- Degrees of freedom of a sum of two variances, one of questions and one of resampled vectors
-- (Satterthwaite 1946, Biometrics Bulletin 2, 110-114), a whole number from 1 to 200: beyond, t moves
-- by less than 0.5 %. Null where one of the two is unknown.
create or replace macro joint_degrees(
    question_variance, n_questions, vector_variance, n_resamples
) as
    case
        when n_questions > 1 and n_resamples > 1 and question_variance + vector_variance > 0 then
            least(200, greatest(1, floor(
                pow(question_variance + vector_variance, 2)
                / (
                    pow(question_variance, 2) / (n_questions - 1)
                    + pow(vector_variance, 2) / (n_resamples - 1)
                )
            )))::bigint
    end;

-- Interval of a difference of two fractions from their own intervals, p1 - p2: squares and add, with
-- their correlation (Newcombe 1998, Statistics in Medicine 17, 873-890, method 10, and 2635-2650 for
-- pairs). It stays within -1 and 1 and has a width where both fractions are 0 or 1.
create or replace macro difference_low(p1, low1, p2, high2, correlation) as
    case
        when low1 is not null and high2 is not null then greatest(-1, p1 - p2 - sqrt(greatest(
            0,
            pow(p1 - low1, 2) + pow(high2 - p2, 2) - 2 * correlation * (p1 - low1) * (high2 - p2)
        )))
    end;
create or replace macro difference_high(p1, high1, p2, low2, correlation) as
    case
        when high1 is not null and low2 is not null then least(1, p1 - p2 + sqrt(greatest(
            0,
            pow(high1 - p1, 2) + pow(p2 - low2, 2) - 2 * correlation * (high1 - p1) * (p2 - low2)
        )))
    end;

-- Share of the variance of a slope over items that one 0/1 property explains on its own: the
-- squared correlation. Null where the slopes do not differ (standard deviation below the floor) or
-- where one side has a single question or none: its own slope cannot be told from the side's. An
-- aggregate over items; `slope_floor` is the same in all rows of a group.
create or replace macro variance_share(slope, property, question_id, slope_floor) as
    case
        when
            stddev_samp(slope) >= any_value(slope_floor)
            and count(distinct question_id) filter (where property::boolean) > 1
            and count(distinct question_id) filter (where not property::boolean) > 1
            then least(1, pow(corr(slope, property::integer), 2))
    end;

-- Difference of the means of two sides, where a question may have items on either or on both. With
-- the influence of a question, (its sum about the mean of one side) / items of that side, minus the
-- same for the other side, the variance is taken within questions of one kind (as many items on
-- each side, as many Yes), for questions are drawn and how many of a kind is not. With one item a
-- question and one kind a side it is Welch's t (Welch 1947, Biometrika 34, 28-35); with one item on
-- each side the paired t. `kind_variance` is an aggregate over the questions of a kind, where one question
-- stands for itself; `welch_df` over kinds of so many questions.
create or replace macro side_influence(total_one, n_one, mean_one, all_one, total_two, n_two, mean_two, all_two) as
    (total_one - n_one * mean_one) / all_one - (total_two - n_two * mean_two) / all_two;
create or replace macro kind_variance(influence) as
    if(count(*) > 1, count(*) * var_samp(influence), sum(influence * influence));
create or replace macro welch_df(variance, n_questions) as
    pow(sum(variance), 2) / nullif(sum(variance * variance / greatest(n_questions - 1, 1)), 0);
