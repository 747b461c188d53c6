-- Where no validation items chose the layer, each half of the questions is reported at the layer that
-- the other half chooses: two-fold cross-fitting (Chernozhukov et al. 2018, Econometrics Journal 21,
-- C1-C68), so that no item is reported at a layer that it chose itself.

-- Whether a question is in the first of two halves of g's questions, as even as can be: every second
-- one in the order of hashes. Over rows that name all questions of g, once or more.
create or replace macro is_first_half(g, question_id) as
    dense_rank() over (partition by g order by md5(question_id), question_id) % 2 = 1;

-- By how much the variance of a cross-fitted mean exceeds that of independent questions. Halves that
-- err alike choose alike, which correlates them by up to .36 (independent layers of equal effect,
-- three of them; e^2 / (L - 1), e the mean largest of L normal draws).
create or replace macro cross_fit_inflation() as 1.36;

-- One row per g and half: the layer chosen for it by the other half. `means` is a list of structs {g,
-- layer, is_first, slope, n, degenerate}: sums of slopes and items of one layer in one half.
-- Degenerate layers come last, the lower of two equal ones first (rounded, so that the order of
-- adding up decides nothing); n_candidates counts those that are not degenerate.
create or replace macro layers_by_halves(means) as table
with part as (
    select g, layer, is_first, slope, n, degenerate
    from (select unnest(means, max_depth := 2))
),

pooled as (
    select
        g,
        layer,
        bool_or(degenerate) as degenerate,
        sum(slope) filter (where is_first) / sum(n) filter (where is_first) as of_first,
        sum(slope) filter (where not is_first) / sum(n) filter (where not is_first) as of_second
    from part
    group by g, layer
),

halves as (
    select
        g,
        layer,
        degenerate,
        unnest([true, false]) as is_first,
        unnest([of_second, of_first]) as of_other,
        count(*) filter (where not degenerate) over (partition by g) as n_candidates
    from pooled
)

select g, is_first, layer, degenerate, n_candidates
from halves
qualify
    row_number() over (
        partition by g, is_first
        order by degenerate, round(of_other, 6) desc nulls last, layer
    ) = 1;
