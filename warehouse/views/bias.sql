-- How much of the spread of slopes is owed to where the positive option stands (letter: first or
-- second) and to whether it begins with Yes. Sequential shares as in Tan et al. 2024 (section 4,
-- `compute_variance`: ordinary least squares on two 0/1 factors, letter first); order-free shares
-- are the mean over both orders (Shapley); the interaction is what four cell means explain beyond
-- both. All are null where sd_slope is below slope_floor, and each where its factor does not vary or
-- one side of it has a single question, whose own slope cannot be told from the side's.
-- The paired shares are those of questions that ran in both option orders (`paired_bias`).
create view bias as
with property as (
    select
        item_slope.run_id,
        item_slope.split,
        item_slope.layer,
        item_slope.question_id,
        item_slope.slope,
        item_slope.baseline_logit_diff,
        item_slope.slope_floor,
        dataset.answer_format in ('yes_no', 'text') as no_letters,
        if(no_letters, 0, (item_slope.positive_option = 0)::integer) as first,
        coalesce(item_slope.positive_answer = 'Yes', false)::integer as yes
    from item_slope
    left join dataset using (dataset_id)
),

-- Beside each item, the questions on the rarer side of each factor. By windows, not by a join: filters
-- on the view must reach the facts.
counted as (
    select
        *,
        least(
            count(distinct question_id) filter (where first = 1) over cell,
            count(distinct question_id) filter (where first = 0) over cell
        ) as n_rare_letter,
        least(
            count(distinct question_id) filter (where yes = 1) over cell,
            count(distinct question_id) filter (where yes = 0) over cell
        ) as n_rare_yes_no
    from property
    window cell as (partition by run_id, split, layer)
),

factor as (
    select
        counted.* replace (
            if(n_rare_letter < 2, 0, first) as first,
            if(n_rare_yes_no < 2, 0, yes) as yes
        )
    from counted
),

corner as (
    select
        run_id,
        split,
        layer,
        first,
        yes,
        count(*) as n,
        avg(slope) as slope,
        count(*) * var_pop(slope) as ss_within,
        avg(baseline_logit_diff::double) as baseline,
        any_value(slope_floor) as slope_floor,
        any_value(no_letters) as no_letters,
        any_value(n_rare_letter) as n_rare_letter,
        any_value(n_rare_yes_no) as n_rare_yes_no
    from factor
    group by run_id, split, layer, first, yes
),

centred as (
    select
        *,
        first - sum(n * first) over cell / sum(n) over cell as f,
        yes - sum(n * yes) over cell / sum(n) over cell as y,
        slope - sum(n * slope) over cell / sum(n) over cell as s
    from corner
    window cell as (partition by run_id, split, layer)
),

moment as (
    select
        run_id,
        split,
        layer,
        sum(n)::bigint as n_items,
        count(*) as n_corners,
        any_value(slope_floor) as slope_floor,
        any_value(no_letters) as no_letters,
        any_value(n_rare_letter) as n_rare_letter,
        any_value(n_rare_yes_no) as n_rare_yes_no,
        sum(n * f * f) as ff,
        sum(n * y * y) as yy,
        sum(n * f * y) as fy,
        sum(n * s * f) as sf,
        sum(n * s * y) as sy,
        sum(n * s * s) as ss_between,
        sum(n * s * s) + sum(ss_within) as ss,
        sum(n * slope) filter (where first = 1) / sum(n) filter (where first = 1)
        - sum(n * slope) filter (where first = 0) / sum(n) filter (where first = 0)
            as letter_effect,
        sum(n * slope) filter (where yes = 1) / sum(n) filter (where yes = 1)
        - sum(n * slope) filter (where yes = 0) / sum(n) filter (where yes = 0)
            as yes_no_effect,
        sum(n * baseline) filter (where first = 1) / sum(n) filter (where first = 1)
        - sum(n * baseline) filter (where first = 0) / sum(n) filter (where first = 0)
            as baseline_letter_effect,
        sum(n * baseline) filter (where yes = 1) / sum(n) filter (where yes = 1)
        - sum(n * baseline) filter (where yes = 0) / sum(n) filter (where yes = 0)
            as baseline_yes_no_effect
    from centred
    group by run_id, split, layer
),

determined as (
    select
        *,
        sqrt(ss / nullif(n_items - 1, 0)) as sd_slope,
        coalesce(sqrt(ss / nullif(n_items - 1, 0)) >= slope_floor, false) as spread,
        ff > 0 and yy > 0 as crossed,
        ff > 0 and yy > 0 and ff * yy - fy * fy > 1e-9 * ff * yy as separable
    from moment
),

explained as (
    select
        *,
        if(spread and ff > 0, sf * sf / (ff * ss), null) as letter,
        if(spread and yy > 0, sy * sy / (yy * ss), null) as yes_no,
        if(
            spread and separable,
            (sf * sf * yy - 2 * sf * sy * fy + sy * sy * ff) / ((ff * yy - fy * fy) * ss),
            null
        ) as both_factors
    from determined
)

select
    run_label.*,
    explained.split,
    explained.layer,
    explained.n_items,
    explained.sd_slope,
    explained.slope_floor,
    explained.letter as letter_share,
    case
        when not explained.crossed then explained.yes_no
        else explained.both_factors - explained.letter
    end as yes_no_share,
    1 - coalesce(explained.both_factors, explained.letter, explained.yes_no) as unexplained_share,
    case
        when not explained.crossed then explained.letter
        else (explained.letter + explained.both_factors - explained.yes_no) / 2
    end as letter_share_order_free,
    case
        when not explained.crossed then explained.yes_no
        else (explained.yes_no + explained.both_factors - explained.letter) / 2
    end as yes_no_share_order_free,
    if(
        explained.spread and explained.n_corners = 4,
        explained.ss_between / explained.ss - explained.both_factors,
        null
    ) as interaction_share,
    if(explained.crossed, explained.fy / sqrt(explained.ff * explained.yy), null)
        as letter_yes_no_correlation,
    explained.letter_effect,
    explained.yes_no_effect,
    explained.baseline_letter_effect,
    explained.baseline_yes_no_effect,
    explained.n_rare_letter,
    explained.n_rare_yes_no,
    case
        when explained.no_letters then 'answers have no letters'
        when explained.n_rare_letter = 0 then 'the positive option stands in one place'
        when explained.n_rare_letter < 2 then 'one question on a side'
        when not explained.spread then 'slopes do not differ'
    end as letter_undetermined,
    case
        when explained.n_rare_yes_no = 0 then 'no option, or each, begins with Yes'
        when explained.n_rare_yes_no < 2 then 'one question on a side'
        when not explained.spread then 'slopes do not differ'
        when explained.crossed and not explained.separable then 'letter and yes/no coincide'
    end as yes_no_undetermined,
    coalesce(paired_bias.n_pairs, 0) as n_pairs,
    if(explained.spread, paired_bias.place_variance / paired_bias.slope_variance, null)
        as paired_letter_share,
    if(explained.spread, paired_bias.question_by_place_variance / paired_bias.slope_variance, null)
        as paired_question_by_letter_share,
    if(explained.spread, paired_bias.question_variance / paired_bias.slope_variance, null)
        as paired_question_share,
    paired_bias.place_effect as paired_letter_effect
from explained
inner join run_label using (run_id)
left join paired_bias
    on
        paired_bias.run_id = explained.run_id
        and paired_bias.split = explained.split
        and paired_bias.layer = explained.layer;
