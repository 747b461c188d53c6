# question: What else do slopes depend on: order, length of prompt and options, label confidence,
#   answer mass?
# topic: bias
# grain: run, layer, factor
# source: drop-one R2: what a factor adds to all others in least squares (two 0/1 factors and
#   their like as in Tan et al. 2024, section 4, and covariates); p by exchanging questions
#   (Freedman and Lane 1983)
# params:
#   filters
#   split             train|validation|test  test    split that is reported
#   role              fitted|null|resample   fitted  vectors: fitted, resample or null
#   layer             layer                  best    one layer, or `best` = the one that
#     validation chose; null = all
#   multiplier_bound  positive               1.5     slopes are fitted over abs(multiplier) up to
#     this
#   items             all|without_leaked|without_low_confidence|without_both  all  which items
#     count: `without_leaked` leaves out questions that the vector was fitted on,
#     `without_low_confidence` labels below .8
#   draws             count                  999     exchanges of questions behind a p
#   seed              count                  1       seed of these exchanges
# columns:
#   model           model
#   concept         concept that the questions ask about
#   variant         prompt variant they are asked under
#   method          how the vector was fitted
#   layer           decoder block whose output is steered
#   factor          letter (positive option first), yes_no (begins with Yes), swapped (order of
#     options changed
#     against the source), prompt_tokens, length_difference (characters of the positive option less
#     those of the negative), label_confidence, answer_mass (unsteered log mass of both answers)
#   alone           share of the variance of slopes that the factor explains alone (R2)
#   adds            what it adds to all other factors (drop-one R2), null where undetermined
#   adds_adjusted   the same less what chance adds (omega squared; may be below 0)
#   effect          slope of slopes on the factor beside the others: logits per multiplier and unit
#   p               chance of as large an addition where the factor adds nothing
#   q               Benjamini-Hochberg q of p over this table, by factor
#   undetermined    why nothing is said, null where something is
#   complete        false where an asked measurement is missing
# further columns:
#   explained        share that all factors together explain (R2)
#   explained_p      chance of as large a share where none does anything
#   fit_concept      concept the vector was fitted on
#   fit_variant      variant it was fitted on
#   seed             seed of the vector, null where none is used
#   resample         bootstrap draw of the training questions, null for the full fit
#   norm             how the vector was scaled
#   operator         how it was applied
#   scope            where it was applied
#   split            split that is reported
#   n_items          items with a slope
#   n_questions      questions they belong to
#   n_factors        factors that vary and are in the model
#   sd_slope         standard deviation of slopes over items
#   slope_floor      smallest slope that can be told from nothing
#   n_multipliers    multipliers behind a slope (the fewest over items)
#   multiplier_bound  slopes are fitted over abs(multiplier) up to this
#   run_id           the run
"""More factors than two, by least squares; see the header."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from analysis.models.bias_design import LEAST
from analysis.models.bias_null import orthonormal, p_value
from analysis.models.designs import Design, designs, per_question
from analysis.models.exchange import Exchanges, exchanges
from analysis.models.share_rows import FLOOR, sd, spread

if TYPE_CHECKING:
    from analysis.models.running import Read, Values

Array = npt.NDArray[np.float64]

FACTORS = {
    "letter": "first",
    "yes_no": "yes",
    "swapped": "swapped",
    "prompt_tokens": "prompt_tokens",
    "length_difference": "length_difference",
    "label_confidence": "label_confidence",
    "answer_mass": "answer_logmass",
}
"""Factors by name, with their column of models/slope_items.sql."""

NUMBERS = ("alone", "adds", "adds_adjusted", "effect", "p", "explained", "explained_p")


def compute(read: Read, values: Values) -> pa.Table:
    """Return a row for every run, layer and factor."""
    parts = [part for design in designs(read) for part in _of_design(design, values)]
    return pa.concat_tables(parts) if parts else _table_of(None, "", "", {}, 0)


def _of_design(design: Design, values: Values) -> list[pa.Table]:
    columns = {name: _column(design, name) for name in FACTORS}
    reasons = {name: _reason(design, column) for name, column in columns.items()}
    used = _independent({n: c for n, c in columns.items() if reasons[n] is None}, reasons)
    exchanged = exchanges(design.question, design.question_ids, values["draws"], values["seed"])
    slopes = design.slopes - design.slopes.mean(axis=0)
    few = len(slopes) <= len(used) + 2
    whole = {} if few or not used else _whole(used, slopes, exchanged)
    return [
        _table_of(
            design,
            name,
            reasons[name] or ("no more items than factors" if few else ""),
            {}
            if few or name not in used
            else {**whole, **_of_factor(name, used, slopes, exchanged)},
            len(used),
        )
        for name in FACTORS
    ]


def _column(design: Design, name: str) -> Array:
    column = design.items[FACTORS[name]].astype(float)
    if name == "letter":
        column = np.where(design.items["has_letters"].astype(bool), column, 0.0)
    return column


def _reason(design: Design, column: Array) -> str | None:
    """Return why a factor cannot be in the model: unknown, the same everywhere, one question."""
    if np.isnan(column).any():
        return "not known of every item"
    values, codes = np.unique(column, return_inverse=True)
    if len(values) < 2:
        return "does not vary"
    if len(values) == 2:
        sides = np.eye(2)[codes.reshape(-1)]
        fewest = int((per_question(design, sides) > 0).sum(axis=0).min())
        if fewest < LEAST:
            return f"{fewest} question on a side"
    return None


def _independent(columns: dict[str, Array], reasons: dict[str, str | None]) -> dict[str, Array]:
    """Return the factors that are not a combination of the others; the rest gets its reason."""
    known: dict[str, Array] = {}
    for name, column in columns.items():
        if orthonormal([*known.values(), column], len(column))[-1].any():
            known[name] = column
        else:
            reasons[name] = "a combination of the factors before it"
    return known


def _whole(used: dict[str, Array], slopes: Array, exchanged: Exchanges) -> dict[str, Array]:
    basis = orthonormal(list(used.values()), len(slopes))
    total = np.maximum((slopes**2).sum(axis=0), 1e-300)
    explained = ((basis @ slopes) ** 2).sum(axis=0) / total
    return {
        "explained": explained,
        "explained_p": p_value([], list(used.values()), slopes, exchanged),
    }


def _of_factor(
    name: str, used: dict[str, Array], slopes: Array, exchanged: Exchanges
) -> dict[str, Array]:
    """Return what a factor explains alone and beside all others, each [runs and layers]."""
    others = [column for other, column in used.items() if other != name]
    total = np.maximum((slopes**2).sum(axis=0), 1e-300)
    alone = orthonormal([used[name]], len(slopes))[-1]
    basis = orthonormal([*others, used[name]], len(slopes))
    rest = 1 - ((basis @ slopes) ** 2).sum(axis=0) / total
    adds = (basis[-1] @ slopes) ** 2 / total
    # what chance adds: slopes exchanged, at the size of the unexplained rest
    by_chance = (
        np.array([((exchanged.of(row) @ slopes) ** 2).mean(axis=0) for row in basis]) / total
    )
    mean_square = rest / (len(slopes) - 1 - len(used))
    chance = by_chance[-1] * rest / (1 - by_chance.sum(axis=0))
    return {
        "alone": (alone @ slopes) ** 2 / total,
        "adds": adds,
        "adds_adjusted": (adds - chance) / (1 + mean_square),
        "effect": (basis[-1] @ slopes) / (basis[-1] @ used[name]),
        "p": p_value(others, [used[name]], slopes, exchanged),
    }


def _table_of(
    design: Design | None, name: str, reason: str, numbers: dict[str, Array], n_factors: int
) -> pa.Table:
    """Return the rows of one factor, all null where there is a reason or slopes do not differ."""
    n = 0 if design is None else len(design.run_ids)
    differs = np.zeros(0, bool) if design is None else spread(design)
    reasons = [reason or (None if ok else FLOOR) for ok in differs]
    null = np.full(n, np.nan)
    shown = {key: np.where(differs, numbers.get(key, null), np.nan) for key in NUMBERS}
    counts = (0, 0) if design is None else (len(design.slopes), len(design.question_ids))
    spreads = null if design is None else sd(design.slopes)
    points = np.zeros(0, np.int64) if design is None else design.n_multipliers
    return pa.table(
        {
            "run_id": pa.array([] if design is None else design.run_ids, pa.string()),
            "layer": pa.array([] if design is None else design.layers, pa.int64()),
            "factor": pa.array([name] * n, pa.string()),
            "undetermined": pa.array(reasons, pa.string()),
            **{
                key: pa.array(value, pa.float64(), from_pandas=True) for key, value in shown.items()
            },
            "n_items": pa.array([counts[0]] * n, pa.int64()),
            "n_questions": pa.array([counts[1]] * n, pa.int64()),
            "n_factors": pa.array([n_factors] * n, pa.int64()),
            "sd_slope": pa.array(spreads, pa.float64(), from_pandas=True),
            "slope_floor": pa.array(null if design is None else design.slope_floors, pa.float64()),
            "n_multipliers": pa.array(points, pa.int64()),
        }
    )
