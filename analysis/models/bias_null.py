"""What letter and yes/no explain by chance: questions exchanged, after Freedman and Lane (1983).

To test a factor, the residuals of the others are exchanged and the share that the factor adds to
the rest is taken again. To see what chance gives, the slopes themselves are exchanged.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from analysis.models.bias_design import Sides
from analysis.models.exchange import Exchanges

Array = npt.NDArray[np.float64]

_TIE = 1e-9
"""Statistics that differ by less than this share are equal: rounding must not lower a p."""


@dataclass(frozen=True)
class Nulls:
    """By kind and factor: the share expected by chance and the p, each [runs and layers]."""

    expected: dict[str, dict[str, Array]]
    p: dict[str, dict[str, Array]]


def orthonormal(columns: list[Array], n_items: int) -> Array:
    """Return the centred columns, each orthogonal to those before it, [n_columns, n_items].

    A column that the earlier ones hold becomes 0.
    """
    basis = np.zeros((0, n_items))
    for column in columns:
        centred = column - column.mean()
        rest = centred - basis.T @ (basis @ centred)
        length = np.linalg.norm(rest)
        new = length > 0 and length > 1e-6 * np.linalg.norm(centred)
        basis = np.vstack([basis, rest / length if new else np.zeros(n_items)])
    return basis


def p_value(others: list[Array], tested: list[Array], slopes: Array, exchanged: Exchanges) -> Array:
    """Return p of what the `tested` columns add to the `others`, [runs and layers].

    `slopes` are centred, [n_items, runs and layers]. NaN where the tested columns add nothing to
    the model.
    """
    basis = orthonormal([*others, *tested], len(slopes))
    known = basis[: len(others)]
    residual = slopes - known.T @ (known @ slopes)
    size = (residual**2).sum(axis=0)
    observed = _added(basis @ residual, len(others), size)
    drawn = _added(
        np.stack([exchanged.of(row) @ residual for row in basis]), len(others), size
    )  # [n_draws, runs and layers]
    beyond = (drawn >= observed * (1 - _TIE)).sum(axis=0)
    p: Array = (1 + beyond) / (1 + len(exchanged))
    return p if basis[len(others) :].any() else np.full_like(p, np.nan)


def _added(projected: Array, n_others: int, size: Array) -> Array:
    """Return what the tested columns explain, against what is left, from projections [k, ...]."""
    squares = projected**2
    added = squares[n_others:].sum(axis=0)
    left = np.maximum(size - squares.sum(axis=0), 1e-12 * size)
    found: Array = np.divide(added, left, out=np.zeros_like(added), where=left > 0)
    return found


def nulls(sides: Sides, exchanged: Exchanges) -> Nulls:
    """Return expectation and p of every share of a design."""
    letter = [sides.first] if sides.reasons["letter"] is None else []
    yes_no = [sides.yes] if sides.reasons["yes_no"] is None else []
    product = [sides.first * sides.yes] if sides.crossed else []
    both, everything = letter + yes_no, letter + yes_no + product

    def p(others: list[Array], tested: list[Array]) -> Array:
        if not tested:
            return np.full(sides.slopes.shape[1], np.nan)
        return p_value(others, tested, sides.slopes, exchanged)

    added = p(letter, yes_no)
    return Nulls(
        _expected(sides, letter, yes_no, product, exchanged),
        {
            "sequential": {"letter": p([], letter), "yes_no": added, "unexplained": p([], both)},
            "order_free": {
                "letter": p(yes_no, letter),
                "yes_no": added,
                "interaction": p(both, product),
                "unexplained": p([], everything),
            },
        },
    )


def _expected(
    sides: Sides,
    letter: list[Array],
    yes_no: list[Array],
    product: list[Array],
    exchanged: Exchanges,
) -> dict[str, dict[str, Array]]:
    n_items = len(sides.slopes)
    size = np.maximum((sides.slopes**2).sum(axis=0), 1e-300)

    def share(columns: list[Array]) -> Array:
        """Return the mean share that the last of the columns adds."""
        if not columns:
            return np.full(len(size), np.nan)
        row = orthonormal(columns, n_items)[-1]
        mean: Array = ((exchanged.of(row) @ sides.slopes) ** 2).mean(axis=0) / size
        return mean

    letter_first, yes_no_first = share(letter), share(yes_no)
    letter_last = share(yes_no + letter) if letter else letter_first
    yes_no_last = share(letter + yes_no) if yes_no else yes_no_first
    interaction = share(letter + yes_no + product) if product else share([])
    return {
        "sequential": {"letter": letter_first, "yes_no": yes_no_last},
        "order_free": {
            "letter": (letter_first + letter_last) / 2,
            "yes_no": (yes_no_first + yes_no_last) / 2,
            "interaction": interaction,
        },
    }
