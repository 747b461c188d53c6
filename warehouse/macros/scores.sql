-- How sure means of scores, and products of two of them, are. Scores lie between 0 and 1. Intervals of
-- .95 covered .95 to .96 of the truths of judge-like ratings from 16 samples on, and where behaviour is
-- rare .83 (16 samples), .91 (64) and .95 (256): tests/analysis/coverage_scores.py.

-- Which half of g's rollouts a sample is in: every second one, prompt by prompt, in the order of
-- hashes; a sample is in the same half whatever steered it. Over rows that name all of g's samples.
create or replace macro is_first_sample(g, prompt_id, sample) as
    dense_rank() over (
        partition by g
        order by md5(prompt_id), prompt_id, md5(prompt_id || ' ' || sample), sample
    ) % 2 = 1;

-- Variance of a product of two means, to first order (the delta method: Oehlert 1992, The American
-- Statistician 46, 27-29), from their variances and their covariance.
create or replace macro product_variance(a, variance_a, b, variance_b, covariance) as
    greatest(0, b * b * variance_a + a * a * variance_b + 2 * a * b * covariance);

-- Ends of a t interval within 0 and 1; `t` is t_factor(confidence, n), n the clusters. Where all scores
-- are the same there is no spread to go by: then that of a 0/1 property seen n times (fraction_low),
-- which no score between 0 and 1 exceeds.
create or replace macro score_low(mean, error, n, t) as
    if(error > 1e-9, greatest(0, mean - t * error), fraction_low(least(1, mean), n, t));
create or replace macro score_high(mean, error, n, t) as
    if(error > 1e-9, least(1, mean + t * error), fraction_high(least(1, mean), n, t));
