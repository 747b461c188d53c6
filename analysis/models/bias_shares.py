# question: Which share of the spread of slopes is owed to the letter, to Yes or No, and how sure
#   is that?
# topic: bias
# grain: run, layer, kind, factor
# source: sequential: Tan et al. 2024 (arXiv 2407.12404) section 4, `compute_variance` (least
#   squares on two 0/1 factors, letter first); order_free: the mean over both orders (Shapley,
#   Lindeman Merenda and Gold 1980), the interaction after both; paired: the exact split of
#   questions that ran in both orders (view paired_bias). Adjusted as omega squared (Hays 1963), p
#   by exchanging questions (Freedman and Lane 1983), intervals by a jackknife of
#   Fisher's z over questions (analysis/models/leave_one_out.py)
# params:
#   filters
#   split             train|validation|test  test    split that is reported
#   role              fitted|null|resample   fitted  vectors: fitted, resample or null
#   layer             layer                  null    one layer, or `best` = the one that
#     validation chose; null = all
#   multiplier_bound  positive               1.5     slopes are fitted over abs(multiplier) up to
#     this
#   items             all|without_leaked|without_low_confidence|without_both  all  which items
#     count: `without_leaked` leaves out questions that the vector was fitted on,
#     `without_low_confidence` labels below .8
#   confidence        fraction               0.95    level of the intervals, which stand only
#     where p < 1 - level
#   draws             count                  999     exchanges of questions behind a p
#   seed              count                  1       seed of these exchanges
# columns:
#   model           model
#   concept         concept that the questions ask about
#   variant         prompt variant they are asked under
#   method          how the vector was fitted
#   layer           decoder block whose output is steered
#   kind            sequential (the paper's), order_free or paired
#   factor          letter, yes_no, interaction, unexplained; of paired: letter, question_by_letter
#     (a letter's effect that differs between questions), question (what both orders share)
#   share           share of the variance of slopes over items, null where undetermined
#   adjusted        the share less what chance gives (omega squared; may be below 0)
#   share_low       lower end of the interval of adjusted; null where p is not below 1 - confidence
#   share_high      upper end
#   p               chance of as large a share where the factor does nothing (unexplained: where
#     no factor does)
#   undetermined    why there is no share, null where there is one
#   complete        false where an asked measurement is missing
# further columns:
#   q                Benjamini-Hochberg q of p over this table, by kind and factor
#   no_interval      why a share has no interval
#   z_standard_error  jackknife standard error of atanh(sqrt(share)), on which the interval is
#     symmetric; of unexplained: of atanh(sqrt(1 - share))
#   df               its degrees of freedom
#   fit_concept      concept the vector was fitted on
#   fit_variant      variant it was fitted on
#   seed             seed of the vector, null where none is used
#   resample         bootstrap draw of the training questions, null for the full fit
#   norm             how the vector was scaled
#   operator         how it was applied
#   scope            where it was applied
#   split            split that is reported
#   n_items          items with a slope (paired: those of pairs)
#   n_questions      questions they belong to
#   n_rare           questions on the rarer side of the factor; null for those without sides
#   sd_slope         standard deviation of slopes over items
#   slope_floor      smallest slope that can be told from nothing
#   n_multipliers    multipliers behind a slope (the fewest over items)
#   multiplier_bound  slopes are fitted over abs(multiplier) up to this
#   run_id           the run
"""Shares of slope variance with their chance part, null and sureness; see the header."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from analysis.models import bias_design, bias_null, bias_pairs
from analysis.models.designs import designs, merged
from analysis.models.exchange import exchanges
from analysis.models.leave_one_out import fisher_z, jackknife
from analysis.models.share_moments import order_free, sequential, shares
from analysis.models.share_rows import Rows, Share

if TYPE_CHECKING:
    from analysis.models.running import Read, Values


def compute(read: Read, values: Values) -> pa.Table:
    """Return a row for every run, layer, kind and factor."""
    rows = Rows()
    for design in merged(designs(read)):
        sides = bias_design.sides(design)
        drawn = exchanges(design.question, design.question_ids, values["draws"], values["seed"])
        _of_items(sides, bias_null.nulls(sides, drawn), rows)
        bias_pairs.shares(design, values["draws"], values["seed"], rows)
    return rows.table()


def _of_items(sides: bias_design.Sides, nulls: bias_null.Nulls, rows: Rows) -> None:
    """Add the sequential and order-free shares of all items."""
    whole, left_out = shares(sides.whole()), shares(sides.left_out())
    found = {
        "sequential": (sequential(whole), sequential(left_out)),
        "order_free": (order_free(whole, sides.crossed), order_free(left_out, sides.crossed)),
    }
    for kind, (point, each_left_out) in found.items():
        adjusted = _adjusted(point, nulls.expected[kind], len(sides.slopes), sides.n_effects(kind))
        for factor, share in point.items():
            explained = (
                1 - each_left_out[factor] if factor == "unexplained" else each_left_out[factor]
            )
            sure = jackknife(fisher_z(explained), sides.kind)
            reasons = sides.undetermined(factor, share)
            p = nulls.p[kind].get(factor, np.full_like(share, np.nan))
            rows.add(
                sides.design, kind, factor, Share(share, adjusted[factor], p, sure), reasons,
                n_items=len(sides.slopes), n_questions=len(sides.kind), n_rare=sides.n_rare(factor),
            )  # fmt: skip


def _adjusted(
    point: dict[str, np.ndarray], expected: dict[str, np.ndarray], n_items: int, n_effects: int
) -> dict[str, np.ndarray]:
    """Return omega squared: what chance gives, at the size of the unexplained rest, is taken off.

    With one item a question this is (SS - df * MSE) / (SS_total + MSE); where items of a question
    are alike, what chance gives comes from exchanges of questions.
    """
    rest = point["unexplained"]
    chance = sum(np.nan_to_num(value) for value in expected.values())
    scale = 1 + rest / max(n_items - 1 - n_effects, 1)
    adjusted = {
        factor: (point[factor] - expected[factor] * rest / (1 - chance)) / scale
        for factor in expected
    }
    explained = sum(np.nan_to_num(value) for value in adjusted.values())
    return {**adjusted, "unexplained": np.where(np.isnan(rest), np.nan, 1 - explained)}
