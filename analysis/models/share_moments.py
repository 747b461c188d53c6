"""Shares of the variance of slopes, from sums over the four corners letter x yes/no.

The point values are those of the view `bias` (a test holds them equal); they stand here once more
because an interval needs them with each question left out in turn, and a null with questions
exchanged. Arrays end in (..., 4) for corners, in the order first*2 + yes.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

_FIRST = np.array([0.0, 0.0, 1.0, 1.0])
_YES = np.array([0.0, 1.0, 0.0, 1.0])
_SMALL = 1e-9
"""Below this share of its scale a sum of squares is rounding."""


class Corners(NamedTuple):
    """Items in the four corners: how many, the sum of slopes (..., 4), and of squares (...)."""

    n: Array
    total: Array
    squares: Array

    def without(self, part: Corners) -> Corners:
        """Return what is left when `part` is taken out."""
        return Corners(self.n - part.n, self.total - part.total, self.squares - part.squares)


class Shares(NamedTuple):
    """Shares of the sum of squares about the mean, NaN where undefined; arrays (...)."""

    letter: Array
    """By letter alone: the first of the sequential shares (Tan et al. 2024, compute_variance)."""
    yes_no: Array
    """By yes/no alone."""
    both: Array
    """By letter and yes/no together, without their interaction."""
    corners: Array
    """By the corners that occur, with the interaction where all four do."""
    total: Array
    """The sum of squares itself."""


def _ratio(above: Array, below: Array, defined: npt.NDArray[np.bool_]) -> Array:
    return np.where(defined, above / np.where(defined, below, 1.0), np.nan)


def shares(sums: Corners) -> Shares:
    """Return the shares; slopes must be centred roughly, for squares are subtracted."""
    n = sums.n.sum(-1)
    mean = sums.total.sum(-1) / n
    f = _FIRST - (sums.n * _FIRST).sum(-1, keepdims=True) / n[..., None]
    y = _YES - (sums.n * _YES).sum(-1, keepdims=True) / n[..., None]
    s = sums.total - sums.n * mean[..., None]
    ff, yy, fy = ((sums.n * a * b).sum(-1) for a, b in ((f, f), (y, y), (f, y)))
    sf, sy = (s * f).sum(-1), (s * y).sum(-1)
    total = np.maximum(sums.squares - n * mean**2, 0.0)
    spread = total > 0
    varies_f, varies_y = ff > _SMALL * n, yy > _SMALL * n
    apart = varies_f & varies_y & (ff * yy - fy * fy > _SMALL * ff * yy)
    within = (s * s / np.maximum(sums.n, 1.0)).sum(-1)
    letter = _ratio(sf * sf, ff * total, spread & varies_f)
    yes_no = _ratio(sy * sy, yy * total, spread & varies_y)
    both = _ratio(
        sf * sf * yy - 2 * sf * sy * fy + sy * sy * ff, (ff * yy - fy * fy) * total, spread & apart
    )
    return Shares(letter, yes_no, both, _ratio(within, total, spread), total)


def sequential(found: Shares) -> dict[str, Array]:
    """Return the paper's shares: letter first, then what yes/no adds, and the rest."""
    without_letter = np.isnan(found.letter)
    adds = np.where(without_letter, found.yes_no, found.both - found.letter)
    return {"letter": found.letter, "yes_no": adds, "unexplained": 1 - _main_effects(found)}


def order_free(found: Shares, crossed: bool) -> dict[str, Array]:
    """Return the shares averaged over both orders of entering letter and yes/no.

    The Shapley or LMG shares (Lindeman, Merenda and Gold 1980) under marginality: an interaction
    enters after both of its parts. Where the four corners are not `crossed` it has no share.
    """
    one = np.isnan(found.letter) | np.isnan(found.yes_no)
    letter = (found.letter + found.both - found.yes_no) / 2
    yes_no = (found.yes_no + found.both - found.letter) / 2
    explained = found.corners if crossed else _main_effects(found)
    return {
        "letter": np.where(one, found.letter, letter),
        "yes_no": np.where(one, found.yes_no, yes_no),
        "interaction": found.corners - found.both if crossed else np.full_like(letter, np.nan),
        "unexplained": 1 - explained,
    }


def _main_effects(found: Shares) -> Array:
    alone = np.where(np.isnan(found.letter), found.yes_no, found.letter)
    return np.where(np.isnan(found.both), alone, found.both)
