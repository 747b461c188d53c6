"""Scorers `repetition` and `distinct_n`: how far a rollout goes round in circles."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

from runners.scoring.rollouts import Rollout
from runners.scoring.words import WORD, plain


def units(rollout: Rollout, unit: str) -> Sequence[Hashable]:
    """Return the tokens of a rollout, or its words, case folded."""
    if unit == "tokens":
        return rollout.token_ids
    return [word.casefold() for word in WORD.findall(plain(rollout.text))]


def fresh_share(sequence: Sequence[Hashable], window: int) -> float:
    """Return the share of units that are not among the `window` before them; 1 where there is none.

    1 - rep/l of Welleck et al. 2020 (arXiv 1908.04319, section 6.1), over sampled units.
    """
    last: dict[Hashable, int] = {}
    repeated = 0
    for place, unit in enumerate(sequence):
        repeated += unit in last and place - last[unit] <= window
        last[unit] = place
    return 1 - repeated / len(sequence) if sequence else 1.0


def distinct(sequence: Sequence[Hashable], n: int) -> float:
    """Return different n-grams by all n-grams, 0 to 1; 1 where the sequence is shorter than n.

    1 - seq-rep-n of Welleck et al. 2020; Li et al. 2016 (arXiv 1510.03055) divide by the units.
    """
    grams = [tuple(sequence[start : start + n]) for start in range(len(sequence) - n + 1)]
    return len(set(grams)) / len(grams) if grams else 1.0
