"""Letter and yes/no of every item, and whether a share of theirs can be determined at all."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from analysis.models.designs import Design, per_question
from analysis.models.leave_one_out import without_each
from analysis.models.share_moments import Corners
from analysis.models.share_rows import FLOOR, spread

Array = npt.NDArray[np.float64]

LEAST = 2
"""Questions on each side of a factor, below which one question cannot be told from the side."""


@dataclass(frozen=True)
class Sides:
    """A design with its two factors; one that cannot be determined is set to 0 everywhere."""

    design: Design
    first: Array
    yes: Array
    slopes: Array
    """Centred, [n_items, runs and layers]."""
    rare: dict[str, int]
    """By factor, the questions on its rarer side."""
    reasons: dict[str, str | None]
    """By factor, why it cannot be determined."""
    crossed: bool
    """Whether each of the four corners has enough questions for an interaction."""
    kind: npt.NDArray[np.int64]
    """[n_questions]: questions whose items stand in the same corners are of one kind."""

    def _corners(self) -> tuple[Array, Array, Array]:
        corner = (self.first * 2 + self.yes)[:, None] == np.arange(4)
        return (
            per_question(self.design, corner.astype(float)),
            per_question(self.design, self.slopes[:, :, None] * corner[:, None, :]),
            per_question(self.design, self.slopes**2),
        )

    def whole(self) -> Corners:
        """Return the sums over all items, [runs and layers, 4]."""
        n, total, squares = (part.sum(axis=0) for part in self._corners())
        return Corners(np.broadcast_to(n, total.shape), total, squares)

    def left_out(self) -> Corners:
        """Return the sums with each question left out, [n_questions, runs and layers, 4]."""
        n, total, squares = (without_each(part, self.kind) for part in self._corners())
        return Corners(np.broadcast_to(n[:, None, :], total.shape), total, squares)

    def n_effects(self, kind: str) -> int:
        """Return how many degrees of freedom the factors of a kind of share have."""
        varying = sum(self.reasons[factor] is None for factor in ("letter", "yes_no"))
        return varying + (kind == "order_free" and self.crossed)

    def n_rare(self, factor: str) -> int | None:
        """Return the questions on the rarer side, None for what has no sides."""
        return self.rare.get(factor)

    def undetermined(self, factor: str, share: Array) -> list[str | None]:
        """Return for every run and layer why the factor has no share, None where it has one."""
        own = self.reasons.get(factor)
        both = "letter and yes/no coincide"
        return [
            FLOOR if not differs else own or (both if np.isnan(value) else None)
            for differs, value in zip(spread(self.design), share, strict=True)
        ]


def sides(design: Design) -> Sides:
    """Return the design with its factors."""
    has_letters = design.items["has_letters"].astype(bool)
    first = np.where(has_letters, design.items["first"], 0).astype(float)
    yes = design.items["yes"].astype(float)
    letter = _reason(design, first, "the positive option stands first", "second")
    if not has_letters.any():
        letter = "answers have no letters"
    yes_no = _reason(design, yes, "the positive option begins with Yes", "otherwise")
    rare = {"letter": _fewest(design, first), "yes_no": _fewest(design, yes)}
    first, yes = first * (letter is None), yes * (yes_no is None)
    corner = (first * 2 + yes)[:, None] == np.arange(4)
    counts = per_question(design, corner.astype(float))
    crossed = letter is None and yes_no is None and bool((counts > 0).sum(axis=0).min() >= LEAST)
    coincide = letter is None and yes_no is None and _coincide(first, yes)
    interaction = letter or yes_no
    if interaction is None and not crossed:
        interaction = "letter and yes/no coincide" if coincide else _CORNERS
    neither = letter if letter and yes_no else None
    _, kind = np.unique(counts, axis=0, return_inverse=True)
    slopes = design.slopes - design.slopes.mean(axis=0)
    reasons = {
        "letter": letter, "yes_no": yes_no, "interaction": interaction, "unexplained": neither,
    }  # fmt: skip
    return Sides(design, first, yes, slopes, rare, reasons, crossed, kind.reshape(-1))


_CORNERS = f"a corner of letter and yes/no has fewer than {LEAST} questions"


def _coincide(first: Array, yes: Array) -> bool:
    return bool(abs(np.corrcoef(first, yes)[0, 1]) > 1 - 1e-9)


def _on_each_side(design: Design, side: Array) -> tuple[int, int]:
    one = per_question(design, side) > 0
    other = per_question(design, 1 - side) > 0
    return int(one.sum()), int(other.sum())


def _fewest(design: Design, side: Array) -> int:
    return min(_on_each_side(design, side))


def _reason(design: Design, side: Array, one: str, other: str) -> str | None:
    """Return why a factor's effect cannot be told from that of single questions, if it cannot."""
    counts = _on_each_side(design, side)
    for count, words in zip(counts, (f"where {one}", f"where not: {other}"), strict=True):
        if count < LEAST:
            return f"{count or 'no'} question{'s' * (count != 1)} {words}"
    return None
