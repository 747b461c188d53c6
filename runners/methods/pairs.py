"""What a method is fitted on: the activations of both completions of each training item."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np


class Pairs(NamedTuple):
    """One layer of training activations."""

    positive: np.ndarray
    """float [items, d_model]."""
    negative: np.ndarray
    """float [items, d_model]."""
    order: np.ndarray
    """float64 [items]: +1 where the positive option is shown first (its letter is A), -1 where it
    is second, 0 where options are not shown."""
    part: np.ndarray
    """int [items]: which fit an item belongs to; 0 throughout but where several are combined."""

    @classmethod
    def of(
        cls, positive: np.ndarray, negative: np.ndarray, order: np.ndarray | None = None
    ) -> Pairs:
        """Return the pairs of one fit; without `order` nothing is known of the options."""
        n_items = len(positive)
        known = np.zeros(n_items) if order is None else np.asarray(order, np.float64)
        return cls(positive, negative, known, np.zeros(n_items, np.int64))

    @classmethod
    def joined(cls, parts: Sequence[Pairs]) -> Pairs:
        """Return the pairs of several fits as one, each a part of its own."""
        if len(parts) == 1:
            return parts[0]
        number = np.repeat(np.arange(len(parts)), [len(pairs.order) for pairs in parts])
        positive, negative, order = (
            np.concatenate([pairs[column] for pairs in parts]) for column in range(3)
        )
        return cls(positive, negative, order, number)

    def take(self, rows: np.ndarray) -> Pairs:
        """Return some items: indices, repeats included, or bool [items]."""
        return Pairs(*(column[rows] for column in self))

    def exchanged(self, signs: np.ndarray) -> Pairs:
        """Return the pairs with their completions exchanged where `signs` [items] is negative.

        What was the negative option is then the positive one, so its order turns as well.
        """
        kept = (signs > 0)[:, None]
        positive = np.where(kept, self.positive, self.negative)
        negative = np.where(kept, self.negative, self.positive)
        return Pairs(positive, negative, self.order * signs, self.part)
