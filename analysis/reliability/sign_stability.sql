-- question: Would other training questions move the same items the same way?
-- grain: run, layer; a run without resamples has one row that says so
-- source: this project: vectors of bootstrap draws of the training questions (`resamples`), each measured
--   on the same items. An item is sign-stable when at least the share `agreement` of its resampled
--   slopes lie on one side of the slope floor, of 20 at least 19; with fewer resamples the same
--   share is easier reached by chance (chance_fraction)
-- params:
--   filters
--   split             train|validation|test  test  split that is reported
--   layer             layer                  null  one layer, or `best` = the one that validation chose; null = all
--   multiplier_bound  positive               1.5   slopes are fitted over abs(multiplier) up to this
--   agreement         fraction               0.95  share of an item's resampled slopes that must agree
--   confidence        fraction               0.95  level of the intervals
-- columns:
--   model                      model
--   concept                    concept that the questions ask about
--   variant                    prompt variant they are asked under
--   method                     how the vector was fitted
--   layer                      decoder block whose output is steered
--   resamples                  resampled vectors measured, `no resample` where there are none
--   sign_stable_fraction       share of items whose resampled slopes agree
--   sign_stable_low            lower end of its interval (fraction_low), given these resampled vectors
--   sign_stable_high           upper end
--   stable_positive_fraction   share of items that they agree to move the right way
--   stable_negative_fraction   share of items that they agree to move the wrong way
--   label_shuffled_fraction    the same share when vectors of shuffled labels stand for the resamples:
--     what the measure gives without a concept; null where none were measured
--   chance_fraction            the share where each resampled slope's sign is a coin's
--   nulls                      null vectors behind label_shuffled_fraction, `no null` where there are none
--   complete                   false where an asked measurement is missing, of the run or beside it
-- further columns:
--   stable_positive_low        lower end of the interval of stable_positive_fraction
--   stable_positive_high       upper end
--   stable_negative_low        lower end of the interval of stable_negative_fraction
--   stable_negative_high       upper end
--   steerability               mean slope of the full fit over these items
--   resample_mean              mean over resamples of their steerability
--   resample_sd                its standard deviation over them
--   fit_concept                concept the vector was fitted on
--   fit_variant                variant it was fitted on
--   seed                       seed of the vector, null where none is used
--   norm                       how the vector was scaled
--   operator                   how it was applied
--   scope                      where it was applied
--   split                      split that is reported
--   n_resamples                resampled slopes of an item, 0 where there are none
--   n_items                    items with a slope under every resample
--   n_questions                questions they belong to
--   effective_items            items that sign_stable_fraction is worth, after the design effect
--   n_multipliers              multipliers behind a slope (the fewest)
--   multiplier_bound           slopes are fitted over abs(multiplier) up to this
--   slope_floor                smallest slope that can be told from nothing
--   run_id                     the run

with
asked as (
    from asked_cards($experiment, $model, $concept, $method, 'fitted', $layer)
    where graded
),

beside as (
    select asked.run_id, asked.chosen_layer, companion_run.companion_run_id, companion_run.kind
    from asked
    inner join companion_run using (run_id)
    where companion_run.kind in ('resample', 'label_shuffled')
    union all
    select run_id, chosen_layer, run_id as companion_run_id, 'fitted' as kind
    from asked
),

slopes as (
    select beside.run_id as asked_run_id, beside.kind, slopes.*
    from item_slope_within($multiplier_bound) as slopes
    inner join beside on beside.companion_run_id = slopes.run_id
    where slopes.split = $split and is_layer(slopes.layer, $layer, beside.chosen_layer)
),

items as (
    select
        asked_run_id as run_id,
        layer,
        kind,
        item_id,
        any_value(question_id) as question_id,
        count(*) as n,
        avg(slope) as slope,
        count(*) filter (where slope >= slope_floor) / count(*) as rising,
        count(*) filter (where slope <= -slope_floor) / count(*) as falling,
        min(n_multipliers) as n_multipliers,
        any_value(slope_floor) as slope_floor
    from slopes
    group by asked_run_id, layer, kind, item_id
    -- an item that some of the vectors were not measured on is left out
    qualify count(*) = max(count(*)) over (partition by asked_run_id, layer, kind)
),

judged as (
    select
        *,
        -- a share of 19 in 20 reaches .95, whatever rounding makes of it
        rising >= $agreement - 1e-9 as rises,
        falling >= $agreement - 1e-9 as falls
    from items
),

questions as (
    select
        run_id,
        layer,
        kind,
        question_id,
        any_value(n) as n_vectors,
        count(*) as n,
        sum(slope) as slope,
        sum((rises or falls)::integer) as stable,
        sum(rises::integer) as rises,
        sum(falls::integer) as falls,
        min(n_multipliers) as n_multipliers,
        any_value(slope_floor) as slope_floor
    from judged
    group by run_id, layer, kind, question_id
),

shares as (
    select
        run_id,
        layer,
        kind,
        any_value(n_vectors) as n_vectors,
        sum(n)::bigint as n_items,
        count(*) as n_questions,
        min(n_multipliers) as n_multipliers,
        any_value(slope_floor) as slope_floor,
        sum(slope) / sum(n) as steerability,
        sum(stable) / sum(n) as stable,
        sum(rises) / sum(n) as rises,
        sum(falls) / sum(n) as falls,
        effective_number(stable, n) as effective_items,
        effective_number(rises, n) as effective_rises,
        effective_number(falls, n) as effective_falls
    from questions
    group by run_id, layer, kind
),

t_factors as (
    select n_questions, t_factor($confidence, n_questions) as t_factor
    from (select distinct n_questions from shares where kind = 'resample')
),

-- of n coins at least n * agreement fall alike, on either side
chances as (
    select
        n_vectors,
        least(1, 2 * list_sum(list_transform(
            range(ceil(n_vectors * $agreement - 1e-9)::bigint, n_vectors + 1),
            lambda k: exp(
                lgamma(n_vectors + 1.0) - lgamma(k + 1.0) - lgamma(n_vectors - k + 1.0)
                - n_vectors * ln(2)
            )
        ))) as chance_fraction
    from (select distinct n_vectors from shares where kind = 'resample')
),

spread as (
    select run_id, layer, avg(mean) as resample_mean, stddev_samp(mean) as resample_sd
    from (
        select asked_run_id as run_id, layer, run_id as vector_run_id, avg(slope) as mean
        from slopes
        where kind = 'resample'
        group by asked_run_id, layer, run_id
    )
    group by run_id, layer
),

missing as (
    select beside.run_id, coverage.layer, sum(coverage.n_missing) as n_missing
    from coverage
    inner join beside on beside.companion_run_id = coverage.run_id
    where coverage.split = $split
    group by beside.run_id, coverage.layer
)

select
    asked.model,
    asked.concept,
    asked.variant,
    asked.method,
    shares.layer,
    coalesce(shares.n_vectors::varchar, 'no resample') as resamples,
    shares.stable as sign_stable_fraction,
    fraction_low(shares.stable, shares.effective_items, t_factor) as sign_stable_low,
    fraction_high(shares.stable, shares.effective_items, t_factor) as sign_stable_high,
    shares.rises as stable_positive_fraction,
    shares.falls as stable_negative_fraction,
    shuffled.stable as label_shuffled_fraction,
    chances.chance_fraction,
    coalesce(shuffled.n_vectors || ' label_shuffled', 'no null') as nulls,
    coalesce(missing.n_missing, 0) = 0 as complete,
    fraction_low(shares.rises, shares.effective_rises, t_factor) as stable_positive_low,
    fraction_high(shares.rises, shares.effective_rises, t_factor) as stable_positive_high,
    fraction_low(shares.falls, shares.effective_falls, t_factor) as stable_negative_low,
    fraction_high(shares.falls, shares.effective_falls, t_factor) as stable_negative_high,
    fitted.steerability,
    spread.resample_mean,
    spread.resample_sd,
    asked.fit_concept,
    asked.fit_variant,
    asked.seed,
    asked.norm,
    asked.operator,
    asked.scope,
    $split as split,
    coalesce(shares.n_vectors, 0) as n_resamples,
    shares.n_items,
    shares.n_questions,
    shares.effective_items,
    shares.n_multipliers,
    $multiplier_bound::double as multiplier_bound,
    shares.slope_floor,
    asked.run_id
from asked
left join shares on shares.run_id = asked.run_id and shares.kind = 'resample'
left join shares as fitted
    on fitted.run_id = shares.run_id and fitted.layer = shares.layer and fitted.kind = 'fitted'
left join shares as shuffled
    on
        shuffled.run_id = shares.run_id
        and shuffled.layer = shares.layer
        and shuffled.kind = 'label_shuffled'
left join t_factors on t_factors.n_questions = shares.n_questions
left join chances on chances.n_vectors = shares.n_vectors
left join spread on spread.run_id = shares.run_id and spread.layer = shares.layer
left join missing on missing.run_id = shares.run_id and missing.layer = shares.layer
order by
    asked.model, asked.concept, asked.method, asked.fit_variant, asked.variant, shares.layer,
    asked.scope, asked.seed, asked.run_id
