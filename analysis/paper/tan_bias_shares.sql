-- question: Tan et al. 2024, bias figure: how much of the variance of slopes do the letter and Yes/No explain?
-- grain: run, layer
-- source: Tan et al. 2024 (arXiv 2407.12404), section 4, compute_variance: ordinary least squares on two
--   0/1 factors, letter first, then what Yes/No adds; the view bias holds the formulas. No value per
--   concept is published. The analyses of bias add order-free shares and permutation tests
-- params:
--   filters
--   split             train|validation|test  test  split that is reported
--   layer             layer                  null  one layer, or `best` = the one that validation chose; null = all
-- columns:
--   model              model
--   concept            concept
--   layer              decoder block whose output is steered
--   letter_share       share of the variance of slopes explained by where the positive option stands
--   yes_no_share       what Yes/No explains beyond it
--   unexplained_share  the rest
--   letter_side        option that is steered more easily: A (first), B (second)
--   yes_no_side        answer that is steered more easily: Yes, No
--   yes_no_excluded    true for the two concepts whose Yes/No flag the paper's code switches off, because their long answers begin with Yes
--   complete           false where an asked measurement is missing
-- further columns:
--   method             how the vector was fitted
--   letter_effect      mean slope with the positive option first - second, logits per multiplier
--   yes_no_effect      mean slope of Yes - others
--   sd_slope           standard deviation of slopes; shares are null where it is below slope_floor
--   norm               how the vector was scaled
--   operator           how it was applied
--   scope              where it was applied
--   split              split that is reported
--   n_items            items with a slope
--   n_multipliers      multipliers behind a slope (the fewest over items)
--   multiplier_bound   slopes are fitted over abs(multiplier) up to this: always 1.5
--   run_id             the run

with
asked as (
    select *
    from asked_steerability(
        $experiment, $model, $concept, $method, 'fitted', $split, $layer, 1.5, 0.95
    )
    where
        resample is null
        and fit_dataset_ids = [dataset_id]
        and fit_variant = 'base'
        and variant = 'base'
)

select
    asked.model,
    asked.concept,
    asked.layer,
    bias.letter_share,
    bias.yes_no_share,
    bias.unexplained_share,
    case when bias.letter_effect > 0 then 'A' when bias.letter_effect < 0 then 'B' end
        as letter_side,
    case when bias.yes_no_effect > 0 then 'Yes' when bias.yes_no_effect < 0 then 'No' end
        as yes_no_side,
    lower(asked.concept) in ('corrigible-neutral-hhh', 'self-awareness-training-web-gpt')
        as yes_no_excluded,
    asked.complete,
    asked.method,
    bias.letter_effect,
    bias.yes_no_effect,
    bias.sd_slope,
    asked.norm,
    asked.operator,
    asked.scope,
    asked.split,
    asked.n_items,
    asked.n_multipliers,
    asked.multiplier_bound,
    asked.run_id
from asked
inner join bias
    on bias.run_id = asked.run_id and bias.layer = asked.layer and bias.split = asked.split
order by
    asked.model, asked.method, asked.norm, asked.operator, asked.scope, asked.layer,
    bias.letter_share desc, asked.concept, asked.run_id
