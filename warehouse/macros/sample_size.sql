-- How many draws a wanted precision takes.

-- Student's t quantile from the normal one, by the expansion in 1 / df (A&S 26.7.5): 0.5 % from it
-- at 3 degrees of freedom, 0.1 % at 5. For searches over the sample size, where the exact one
-- would be computed a hundred times.
create or replace macro t_near(z, df) as
    z
    + (pow(z, 3) + z) / (4 * df)
    + (5 * pow(z, 5) + 16 * pow(z, 3) + 3 * z) / (96 * df * df)
    + (3 * pow(z, 7) + 19 * pow(z, 5) + 17 * pow(z, 3) - 15 * z) / (384 * pow(df, 3));

-- The fewest questions for which a mean's interval is at most half_width to each side, when the
-- residual totals of questions have this standard deviation per item (standard error times the root
-- of the number of questions). Bit by bit from a million on down: the width falls with the number.
create or replace macro questions_for_mean(sd, half_width, z) as
    2 + list_reduce(
        list_transform(range(20, -1, -1), lambda k: pow(2, k)),
        lambda n, bit:
            n + if(t_near(z, n + bit) * sd / sqrt(n + bit + 1) > half_width, bit, 0),
        0.0::double
    )::bigint;

-- The same for a fraction, half the width of fraction_low to fraction_high, when a question is worth
-- `items` effective items.
create or replace macro half_width_of_fraction(fraction, n_questions, items, z) as (
    fraction_high(fraction, n_questions * items, t_near(z, n_questions - 1))
    - fraction_low(fraction, n_questions * items, t_near(z, n_questions - 1))
) / 2;
create or replace macro questions_for_fraction(fraction, items, half_width, z) as
    2 + list_reduce(
        list_transform(range(20, -1, -1), lambda k: pow(2, k)),
        lambda n, bit: n + if(
            coalesce(half_width_of_fraction(fraction, n + bit + 1, items, z), 1) > half_width,
            bit,
            0
        ),
        0.0::double
    )::bigint;

-- The fewest questions at which fraction_low would reach `least` if the fraction stays; null where the
-- fraction is not above it.
create or replace macro questions_until(fraction, items, least, z) as
    if(
        fraction > least,
        2 + list_reduce(
            list_transform(range(20, -1, -1), lambda k: pow(2, k)),
            lambda n, bit: n + if(
                coalesce(
                    fraction_low(fraction, (n + bit + 1) * items, t_near(z, n + bit)), 0
                ) < least,
                bit,
                0
            ),
            0.0::double
        )::bigint,
        null
    );
