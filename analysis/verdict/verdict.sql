-- question: Does the vector steer, how far can that be trusted, and what should be done next?
-- grain: model, concept, method, norm, operator, scope
-- source: this project (verdict). The rule, the first that fits deciding, each interval at `confidence`:
--   cannot tell: fewer than least_questions questions; or fewer than 5 of them with the positive option
--   in one of the two places, for answers by letter, because then concept and letter are one; or the
--   model does not answer in the asked form (median answer mass below 0.5); or the vector is degenerate.
--   only through a bias: the mean slope is above slope_floor where the positive option stands in one
--   place (or begins with one of Yes and No) and below -slope_floor in the other, both intervals whole.
--   not beyond the null: the lower end of steerability, the unconditional one where there are resamples,
--   is at or below slope_floor; or some kind of null gives a q above false_discovery.
--   steers reliably: the lower end of the share of items that follow (slope >= slope_floor) is at least
--   least_following.
--   steers in part: the rest. Thresholds are conventions, set before any data were seen. A layer is
--   never chosen and reported on the same items: without a choice by validation each half of the
--   questions is reported at the layer that the other half chose (cross_fitted; warehouse/macros/
--   cross_fitting.sql), and variances are 1.36 times as large, for halves that err alike choose alike
-- params:
--   filters
--   split             train|validation|test  test  split that is reported
--   layer             layer                  best  one layer, or `best` = the one that validation chose, cross-fitted where
--     none was chosen; null = cross-fitted everywhere
--   multiplier_bound  positive               1.5   slopes are fitted over abs(multiplier) up to this
--   least_following   fraction               0.9   share of items that must follow for `steers reliably`
--   least_questions   count                  10    fewer cannot tell
--   false_discovery   fraction               0.05  largest q that counts as beyond the null
--   confidence        fraction               0.95  level of the intervals
-- columns:
--   model                      model
--   concept                    concept that the questions ask about
--   method                     how the vector was fitted
--   verdict                    steers reliably, steers in part, only through a bias, not beyond the null or cannot tell
--   because                    what decided
--   remedy                     what to do next, null where nothing is needed
--   layer                      layer reported, the lower one where two halves chose two
--   layer_by                   validation, cross_fitted, given (by the parameter) or only_one (nothing to choose)
--   steerability               mean slope over items
--   steerability_low           lower end of its interval: the unconditional one where there are resamples
--   steerability_high          upper end
--   following_fraction         share of items with slope >= slope_floor
--   following_low              lower end of its interval (fraction_low)
--   following_high             upper end
--   anti_steerable_fraction    share of items with slope <= -slope_floor
--   nulls                      null vectors measured on the same items, `no null` where there are none
--   null_q                     the larger of the q values of the kinds of null
--   complete                   false where an asked measurement is missing
-- further columns:
--   variant                    prompt variant they are asked under: the one the vector was fitted on, base first
--   fit_concept                concept the vector was fitted on
--   fit_variant                variant it was fitted on
--   seed                       seed of the vector, null where none is used
--   norm                       how the vector was scaled
--   operator                   how it was applied
--   scope                      where it was applied
--   split                      split that is reported
--   other_layer                the layer that the other half chose, where it is another one
--   first_slope                mean slope where the positive option stands first, null for answers without letters
--   first_low                  lower end of its interval
--   first_high                 upper end
--   second_slope               mean slope where it stands second
--   second_low                 lower end of its interval
--   second_high                upper end
--   yes_slope                  mean slope where the positive option begins with Yes
--   yes_low                    lower end of its interval
--   yes_high                   upper end
--   no_slope                   mean slope where it begins with No
--   no_low                     lower end of its interval
--   no_high                    upper end
--   letter_share               share of slope variance by the place of the positive option alone
--   train_first_fraction       share of the training items with the positive option first, null where unknown
--   random_p                   two-sided p by the t prediction (as in steerability)
--   label_shuffled_p           the same for shuffled labels
--   random_rank_p              rank p
--   label_shuffled_rank_p      rank p
--   n_resamples                resamples behind the interval, 0 = conditional on this vector
--   questions_wanted           questions for which following_low would reach least_following if the fraction stays,
--     null where it never would
--   median_answer_mass         unsteered median of p(positive) + p(negative) over items
--   n_items                    items with a slope
--   n_questions                questions they belong to
--   n_multipliers              multipliers behind a slope (the fewest over items)
--   multiplier_bound           slopes are fitted over abs(multiplier) up to this
--   slope_floor                smallest slope that can be told from nothing
--   run_id                     the run

with
base as (
    select coalesce(list(id), []) as ids
    from name
    where kind = 'variant' and name = 'base'
),

cards as (
    select
        given.* replace (
            -- a layer that the reported items chose is chosen here again, by halves
            if(
                given.cross_fitted or coalesce(choice.chosen_on = 'test', false),
                null,
                given.chosen_layer
            ) as chosen_layer
        )
    from asked_cards($experiment, $model, $concept, $method, 'fitted', $layer) as given
    left join best_layer as choice
        on
            $layer = 'best'
            and choice.model_id = given.model_id
            and choice.dataset_id = given.dataset_id
            and choice.method = given.method
            and choice.norm = given.norm
            and choice.operator = given.operator
            and choice.scope = given.scope
),

asked as (
    select cards.*
    from cards
    cross join base
    where
        cards.resample is null
        and (
            cards.fit_dataset_ids is null or list_contains(cards.fit_dataset_ids, cards.dataset_id)
        )
    qualify
        row_number() over (
            partition by model_id, dataset_id, method, norm, operator, scope
            order by
                coalesce(fit_variant_ids = [variant_id], false) desc,
                coalesce(list_has_any(fit_variant_ids, base.ids), false) desc,
                list_contains(base.ids, variant_id) desc,
                fit_variant,
                variant,
                seed,
                run_id
        ) = 1
),

vectors as (
    select run_id, run_id as own_run_id, 'fitted' as kind
    from asked
    union all
    select companion_run.companion_run_id, companion_run.run_id, companion_run.kind
    from companion_run
    inner join asked using (run_id)
),

slopes as (
    select vectors.own_run_id, vectors.kind, slopes.*
    from item_slope_within($multiplier_bound) as slopes
    inner join vectors using (run_id)
    where slopes.split = $split
),

halves as (
    select own_run_id, question_id, is_first_half(own_run_id, question_id) as is_first_half
    from (select distinct own_run_id, question_id from slopes)
),

layer_means as (
    select
        slopes.own_run_id as run_id,
        slopes.layer,
        halves.is_first_half,
        coalesce(any_value(vector_layer.degenerate), false) as degenerate,
        sum(slopes.slope) as slope,
        count(*) as n
    from slopes
    inner join asked on asked.run_id = slopes.own_run_id
    inner join halves using (own_run_id, question_id)
    left join vector_layer
        on vector_layer.vector_id = slopes.vector_id and vector_layer.layer = slopes.layer
    where
        slopes.kind = 'fitted'
        and slopes.layer
        = coalesce(try_cast($layer as smallint), asked.chosen_layer, slopes.layer)
        and (
            $experiment is null
            or try_cast($layer as smallint) is not null
            or (asked.run_id, slopes.layer) in (from asked_layers($experiment))
        )
    group by slopes.own_run_id, slopes.layer, halves.is_first_half
),

choice as (
    select
        asked.run_id,
        chosen.is_first as is_first_half,
        chosen.layer,
        chosen.degenerate,
        case
            when try_cast($layer as smallint) is not null then 'given'
            when asked.chosen_layer is not null then 'validation'
            when chosen.n_candidates <= 1 then 'only_one'
            else 'cross_fitted'
        end as layer_by
    from layers_by_halves((
        select list({
            'g': run_id,
            'layer': layer,
            'is_first': is_first_half,
            'slope': slope,
            'n': n,
            'degenerate': degenerate
        })
        from layer_means
    )) as chosen
    inner join asked on asked.run_id = chosen.g
),

items as (
    select
        slopes.*,
        choice.layer_by,
        choice.degenerate,
        if(
            coalesce(dataset.answer_format, 'letter') in ('yes_no', 'text'),
            null,
            slopes.positive_option = 0
        ) as is_first,
        if(slopes.positive_answer in ('Yes', 'No'), slopes.positive_answer = 'Yes', null) as is_yes
    from slopes
    inner join halves using (own_run_id, question_id)
    inner join choice
        on
            choice.run_id = slopes.own_run_id
            and choice.is_first_half = halves.is_first_half
            and choice.layer = slopes.layer
    left join dataset on dataset.dataset_id = slopes.dataset_id
),

questions as (
    select
        own_run_id,
        kind,
        run_id,
        question_id,
        count(*) as n,
        min(n_multipliers) as n_multipliers,
        sum(slope) as slope,
        sum((slope >= slope_floor)::integer) as following
    from items
    group by own_run_id, kind, run_id, question_id
),

means as (
    select
        own_run_id,
        kind,
        run_id,
        count(*) as n_questions,
        sum(n)::bigint as n_items,
        min(n_multipliers) as n_multipliers,
        sum(slope) / sum(n) as steerability,
        cluster_standard_error(slope, n) as standard_error,
        sum(following) / sum(n) as following_fraction,
        effective_number(following, n) as effective_items
    from questions
    group by own_run_id, kind, run_id
),

over_items as (
    select
        run_id,
        any_value(layer_by) as layer_by,
        any_value(if(layer_by = 'cross_fitted', cross_fit_inflation(), 1)) as inflation,
        bool_or(degenerate) as degenerate,
        min(layer) as layer,
        max(layer) as highest_layer,
        min(n_multipliers) as n_multipliers,
        any_value(multiplier_bound) as multiplier_bound,
        any_value(slope_floor) as slope_floor,
        avg(anti_steerable::integer) as anti_steerable_fraction,
        bool_or(is_first is not null) as by_letter,
        variance_share(slope, is_first, question_id, slope_floor) as letter_share
    from items
    where kind = 'fitted'
    group by run_id
),

side_questions as (
    select run_id, 'letter' as factor, is_first as side, question_id, count(*) as n,
        sum(slope) as slope
    from items
    where kind = 'fitted' and is_first is not null
    group by run_id, is_first, question_id
    union all
    select run_id, 'yes_no' as factor, is_yes as side, question_id, count(*) as n,
        sum(slope) as slope
    from items
    where kind = 'fitted' and is_yes is not null
    group by run_id, is_yes, question_id
),

side_means as (
    select
        run_id,
        factor,
        side,
        count(*) as n_questions,
        sum(slope) / sum(n) as mean,
        cluster_standard_error(slope, n) * sqrt(any_value(over_items.inflation)) as error
    from side_questions
    inner join over_items using (run_id)
    group by run_id, factor, side
),

beside as materialized (
    -- of a run as a whole, whose halves may be reported at two layers
    from beside_runs((
        select list({
            'run_id': run_id,
            'layer': 0,
            'n_items': n_items,
            'n_multipliers': n_multipliers,
            'mean': steerability
        })
        from means
    ))
),

df_known as (
    select
        means.*,
        beside.n_resamples,
        sqrt(
            over_items.inflation
            * (pow(means.standard_error, 2) + coalesce(pow(beside.resample_sd, 2), 0))
        ) as error,
        coalesce(
            joint_degrees(
                pow(means.standard_error, 2),
                means.n_questions,
                pow(beside.resample_sd, 2),
                beside.n_resamples
            ),
            means.n_questions - 1
        ) as df
    from means
    inner join over_items using (run_id)
    left join beside using (run_id)
    where means.kind = 'fitted'
),

t_factors as (
    select df, t_factor($confidence, df + 1) as t_factor
    from (
        select df
        from df_known
        union
        select n_questions - 1
        from df_known
        union
        select n_questions - 1
        from side_means
    )
),

nulls as (
    select
        run_id,
        nulls,
        random_p,
        label_shuffled_p,
        random_rank_p,
        label_shuffled_rank_p,
        -- nulls that all moved alike, or a single one, show nothing
        if(
            (random_n is null or random_q is not null)
            and (label_shuffled_n is null or label_shuffled_q is not null),
            greatest(random_q, label_shuffled_q),
            null
        ) as null_q,
        (random_n is null or coalesce(random_q <= $false_discovery and random_t > 0, false))
        and (
            label_shuffled_n is null
            or coalesce(label_shuffled_q <= $false_discovery and label_shuffled_t > 0, false)
        ) as beyond
    from beside
    where nulls is not null
),

sides as (
    select
        side_means.run_id,
        max(mean) filter (where factor = 'letter' and side) as first_slope,
        max(mean - t_factor * error) filter (where factor = 'letter' and side) as first_low,
        max(mean + t_factor * error) filter (where factor = 'letter' and side) as first_high,
        max(mean) filter (where factor = 'letter' and not side) as second_slope,
        max(mean - t_factor * error) filter (where factor = 'letter' and not side) as second_low,
        max(mean + t_factor * error) filter (where factor = 'letter' and not side) as second_high,
        max(mean) filter (where factor = 'yes_no' and side) as yes_slope,
        max(mean - t_factor * error) filter (where factor = 'yes_no' and side) as yes_low,
        max(mean + t_factor * error) filter (where factor = 'yes_no' and side) as yes_high,
        max(mean) filter (where factor = 'yes_no' and not side) as no_slope,
        max(mean - t_factor * error) filter (where factor = 'yes_no' and not side) as no_low,
        max(mean + t_factor * error) filter (where factor = 'yes_no' and not side) as no_high,
        coalesce(max(side_means.n_questions) filter (where factor = 'letter' and side), 0)
            as n_first,
        coalesce(max(side_means.n_questions) filter (where factor = 'letter' and not side), 0)
            as n_second,
        count(*) filter (where factor = 'yes_no' and side_means.n_questions >= 5) = 2 as has_yes_no
    from side_means
    left join t_factors on t_factors.df = side_means.n_questions - 1
    group by side_means.run_id
),

trained as (
    select asked.run_id, avg((item.positive_option = 0)::integer) as train_first_fraction
    from asked
    inner join vector_fit using (vector_id)
    inner join dataset_item
        on
            dataset_item.dataset_id = vector_fit.dataset_id
            and dataset_item.split = vector_fit.split
    inner join item using (item_id)
    group by asked.run_id
),

reported as (
    select distinct run_id, layer
    from items
    where kind = 'fitted'
),

missing as (
    select coverage.run_id, sum(coverage.n_missing) as n_missing
    from coverage
    inner join reported using (run_id, layer)
    where coverage.split = $split
    group by coverage.run_id
),

numbers as (
    select
        asked.* exclude (model_id, dataset_id, variant_id, vector_id, role, resample),
        over_items.* exclude (run_id),
        df_known.n_questions,
        df_known.n_items,
        df_known.steerability,
        df_known.steerability - joint.t_factor * df_known.error as low,
        df_known.steerability + joint.t_factor * df_known.error as high,
        df_known.following_fraction,
        df_known.effective_items / over_items.inflation as effective_items,
        fraction_low(following_fraction, df_known.effective_items / inflation, own.t_factor)
            as following_low,
        fraction_high(following_fraction, df_known.effective_items / inflation, own.t_factor)
            as following_high,
        coalesce(df_known.n_resamples, 0) as n_resamples,
        nulls.* exclude (run_id),
        sides.* exclude (run_id),
        trained.train_first_fraction,
        unsteered.median_answer_mass,
        unsteered.answering,
        coalesce(missing.n_missing, 0) = 0 as complete,
        -- results of others cannot be fitted or measured anew, a vector file not fitted
        coalesce(vector.method = 'imported', false) as imported,
        coalesce(vector.method in ('imported', 'file'), false) as not_fitted_here,
        normal_quantile(0.5 + $confidence / 2) as z
    from asked
    inner join over_items using (run_id)
    inner join df_known using (run_id)
    left join t_factors as joint on joint.df = df_known.df
    left join t_factors as own on own.df = df_known.n_questions - 1
    left join nulls using (run_id)
    left join sides using (run_id)
    left join trained using (run_id)
    left join missing using (run_id)
    left join vector on vector.vector_id = asked.vector_id
    left join unsteered on unsteered.evaluation_id = asked.evaluation_id
),

facts as (
    select
        *,
        by_letter and least(n_first, n_second) < 5 as one_sided,
        coalesce(
            (first_low > slope_floor and second_high < -slope_floor)
            or (second_low > slope_floor and first_high < -slope_floor),
            false
        ) as by_place,
        coalesce(
            has_yes_no
            and (
                (yes_low > slope_floor and no_high < -slope_floor)
                or (no_low > slope_floor and yes_high < -slope_floor)
            ),
            false
        ) as by_answer,
        coalesce(low > slope_floor, false) as above_floor,
        coalesce(beyond, true) as beyond_nulls,
        coalesce(following_low >= $least_following, false) as reliable,
        -- the intervals of the two places, or of Yes and No, do not meet
        coalesce(greatest(first_low, second_low) > least(first_high, second_high), false)
            as place_matters,
        coalesce(has_yes_no and greatest(yes_low, no_low) > least(yes_high, no_high), false)
            as answer_matters,
        questions_until(
            following_fraction,
            effective_items / n_questions,
            $least_following,
            z
        ) as questions_wanted
    from numbers
),

judged as (
    select
        *,
        case
            when degenerate then 'degenerate'
            when n_questions < $least_questions then 'few'
            when one_sided then 'one_sided'
            when not coalesce(answering, true) then 'silent'
            when by_place then 'by_place'
            when by_answer then 'by_answer'
            when not above_floor and high < -slope_floor then 'backwards'
            when not above_floor then 'zero'
            when not beyond_nulls then 'null'
            when reliable then 'reliable'
            when following_high >= $least_following then 'undecided'
            else 'part'
        end as reason
    from facts
)

select
    model,
    concept,
    method,
    case
        when reason in ('few', 'one_sided', 'silent', 'degenerate') then 'cannot tell'
        when reason in ('by_place', 'by_answer') then 'only through a bias'
        when reason in ('backwards', 'zero', 'null') then 'not beyond the null'
        when reason = 'reliable' then 'steers reliably'
        else 'steers in part'
    end as verdict,
    case reason
        when 'few' then n_questions || ' questions'
        when 'one_sided'
            then 'positive option first in ' || n_first || ' questions, second in ' || n_second
        when 'silent' then printf('unsteered answer mass %.2f', median_answer_mass)
        when 'degenerate' then 'the vector is shorter than 1e-4 of the residual stream'
        when 'by_place' then printf('slope %.3g first, %.3g second', first_slope, second_slope)
        when 'by_answer' then printf('slope %.3g for Yes, %.3g for No', yes_slope, no_slope)
        when 'backwards' then 'steers the wrong way'
        when 'zero' then 'steerability is not above the floor'
        when 'null' then
            if(null_q is null, 'its nulls do not vary', printf('q %.2g against its nulls', null_q))
        when 'reliable' then printf('at least %.0f %% of items follow', 100 * following_low)
        when 'undecided' then
            printf('between %.0f and %.0f %% follow', 100 * following_low, 100 * following_high)
        else printf('at most %.0f %% of items follow', 100 * following_high)
    end as because,
    nullif(
        concat_ws(
            '; ',
            case
                when reason = 'few' then 'more items'
                when reason = 'one_sided' then
                    if(
                        imported,
                        'results for both orders of every question',
                        'ask every question in both orders'
                    )
                when reason = 'silent' then 'another prompt or answer form (analyse answer_mass)'
                when reason = 'degenerate' then 'another layer'
                when reason = 'undecided' and questions_wanted is not null
                    then 'more items: about ' || questions_wanted || ' questions'
                when reason = 'by_answer' or (reason in ('part', 'undecided') and answer_matters)
                    then
                        if(not_fitted_here, 'another vector, fitted', 'fit')
                        || ' on as many questions with Yes as with No for the positive answer'
                when reason = 'by_place' or (reason in ('part', 'undecided') and place_matters) then
                    case
                        when not_fitted_here
                            then 'another vector, fitted on both orders '
                            || 'or with the letter projected out'
                        when train_first_fraction between 0.45 and 0.55
                            then 'project out the letter'
                        when train_first_fraction is null
                            then 'fit on both orders, or project out the letter'
                        else 'fit on both orders'
                    end
                when reason = 'backwards' then 'check which option is called positive'
                when reason in ('zero', 'null') and layer_by in ('given', 'only_one') then
                    if(
                        imported,
                        'another layer',
                        'another layer (sweep them and let validation choose)'
                    )
                when reason = 'zero' and high > slope_floor then 'more items'
                when reason in ('zero', 'null') then
                    if(not_fitted_here, 'another vector', 'more training items, or another method')
                when reason in ('part', 'undecided') then
                    'read the items (analyse anti_steerable_items); another layer or '
                    || if(not_fitted_here, 'vector', 'method')
            end,
            if(
                nulls is null and not imported and reason in ('part', 'undecided', 'reliable'),
                'null vectors to hold it against (run --nulls 20)',
                null
            )
        ),
        ''
    ) as remedy,
    layer,
    layer_by,
    steerability,
    low as steerability_low,
    high as steerability_high,
    following_fraction,
    following_low,
    following_high,
    anti_steerable_fraction,
    coalesce(nulls, 'no null') as nulls,
    null_q,
    complete,
    variant,
    fit_concept,
    fit_variant,
    seed,
    norm,
    operator,
    scope,
    $split as split,
    if(highest_layer <> layer, highest_layer, null) as other_layer,
    first_slope,
    first_low,
    first_high,
    second_slope,
    second_low,
    second_high,
    yes_slope,
    yes_low,
    yes_high,
    no_slope,
    no_low,
    no_high,
    letter_share,
    train_first_fraction,
    random_p,
    label_shuffled_p,
    random_rank_p,
    label_shuffled_rank_p,
    n_resamples,
    questions_wanted,
    median_answer_mass,
    n_items,
    n_questions,
    n_multipliers,
    multiplier_bound,
    slope_floor,
    run_id
from judged
order by model, concept, method, norm, operator, scope, run_id
