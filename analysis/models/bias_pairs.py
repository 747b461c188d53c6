"""Questions that ran in both orders, all else equal, split their variance exactly.

With m the mean of a pair's two slopes and d half their difference (positive option first minus
second), the variance over items is mean(d)^2 + var(d) + var(m): the letter, a letter's effect that
differs between questions, and what both orders share (view paired_bias).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from analysis.models.bias_design import LEAST
from analysis.models.designs import Design
from analysis.models.exchange import signs
from analysis.models.leave_one_out import Sureness, fisher_z, jackknife, without_each
from analysis.models.share_rows import FLOOR, Rows, Share, spread

Array = npt.NDArray[np.float64]


def pairs(design: Design) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Return the rows of the items of each pair: positive option first, and second."""
    members: dict[tuple[str, str], list[int]] = {}
    for row, key in enumerate(zip(design.items["question_id"], design.items["pair"], strict=True)):
        members.setdefault(key, []).append(row)
    first, swapped = design.items["place"] == 0, design.items["swapped"]
    found = [
        sorted(rows, key=lambda row: not first[row])
        for rows in members.values()
        if len(rows) == 2
        and first[rows[0]] != first[rows[1]]
        and swapped[rows[0]] != swapped[rows[1]]
    ]
    index = np.array(found, np.intp).reshape(-1, 2)
    return index[:, 0], index[:, 1]


def _split(n: Array, d: Array, dd: Array, m: Array, mm: Array) -> dict[str, Array]:
    """Return the parts of the variance, from sums over pairs."""
    return {
        "letter": (d / n) ** 2,
        "question_by_letter": np.maximum(dd / n - (d / n) ** 2, 0),
        "question": np.maximum(mm / n - (m / n) ** 2, 0),
    }


def _of_total(parts: dict[str, Array]) -> dict[str, Array]:
    total = sum(parts.values())
    with np.errstate(invalid="ignore", divide="ignore"):
        return {name: part / total for name, part in parts.items()}


def shares(design: Design, n_draws: int, seed: int, rows: Rows) -> None:
    """Add the paired shares of a design; without two paired questions they are undetermined."""
    one, two = pairs(design)
    question = np.unique(design.question[one], return_inverse=True)[1].reshape(-1)
    n_questions = int(question.max()) + 1 if question.size else 0
    m, d = (design.slopes[one] + sign * design.slopes[two] for sign in (1, -1))
    m, d = m / 2, d / 2
    m = m - m.mean(axis=0) if len(m) else m
    yes = np.zeros(n_questions)
    np.add.at(yes, question, design.items["yes"][one].astype(float))
    sums = [np.zeros((n_questions, design.slopes.shape[1])) for _ in range(5)]
    for total, values in zip(sums, (np.ones_like(d), d, d * d, m, m * m), strict=True):
        np.add.at(total, question, values)
    names = [design.question_ids[q] for q in np.unique(design.question[one])]
    found = _found(sums, yes, names, n_draws, seed) if n_questions >= LEAST else {}
    few = f"{n_questions or 'no'} question{'s' * (n_questions != 1)} in both option orders"
    undetermined = [
        FLOOR if not differs else few if not found else None for differs in spread(design)
    ]
    null = np.full(design.slopes.shape[1], np.nan)
    nothing = Share(null, null, null, Sureness(null, null))
    for factor in ("letter", "question_by_letter", "question"):
        share = found.get(factor, nothing)
        reasons = [
            reason or ("slopes of pairs do not differ" if np.isnan(value) else None)
            for reason, value in zip(undetermined, share.share, strict=True)
        ]
        rows.add(
            design, "paired", factor, share, reasons,
            n_items=2 * len(one), n_questions=n_questions, n_rare=None,
        )  # fmt: skip


def _found(
    sums: list[Array], yes: Array, names: list[str], n_draws: int, seed: int
) -> dict[str, Share]:
    """Return the shares; questions of one kind have as many pairs and as many with Yes."""
    whole = [total.sum(axis=0) for total in sums]
    point = _of_total(_split(*whole))
    adjusted = _of_total(_unbiased(sums))
    flipped = np.abs(signs(names, n_draws, seed) @ sums[1])
    beyond = (flipped >= np.abs(whole[1]) * (1 - 1e-9)).sum(axis=0)
    p = {"letter": (1 + beyond) / (1 + n_draws)}
    kinds = np.column_stack([sums[0][:, 0], yes])
    kind = np.unique(kinds, axis=0, return_inverse=True)[1].reshape(-1)
    left_out = _of_total(_split(*(without_each(total, kind) for total in sums)))
    return {
        name: Share(
            share,
            adjusted[name],
            p.get(name, np.full_like(share, np.nan)),
            jackknife(fisher_z(left_out[name]), kind),
        )
        for name, share in point.items()
    }


def _unbiased(sums: list[Array]) -> dict[str, Array]:
    """Return the parts less what chance adds: the squared error of the mean of d comes off it."""
    n, d, dd, m, mm = (total.sum(axis=0) for total in sums)
    n_questions = len(sums[0])
    parts = _split(n, d, dd, m, mm)
    factor = n_questions / (n_questions - 1)
    error = factor * ((sums[1] - sums[0] * d / n) ** 2).sum(axis=0) / n**2
    return {
        "letter": parts["letter"] - error,
        "question_by_letter": parts["question_by_letter"] * factor,
        "question": parts["question"] * factor,
    }
