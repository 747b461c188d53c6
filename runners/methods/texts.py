"""What a method is fitted on where nothing is paired: activations of texts, with labels."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Texts(NamedTuple):
    """One layer of the activations of a concept's texts.

    It stands where `Pairs` stand; functions of methods get `positive` and `negative`, whose rows
    are no pairs and may be of different number.
    """

    rows: np.ndarray
    """float [texts, d_model]; [texts, 2, d_sae] of features (runners/saes/text_features.py)."""
    is_positive: np.ndarray
    """bool [texts]."""

    @classmethod
    def of(cls, positive: np.ndarray, negative: np.ndarray) -> Texts:
        """Return the texts of both sides, [n, d_model] and [m, d_model], positive ones first."""
        labels = np.arange(len(positive) + len(negative)) < len(positive)
        return cls(np.concatenate([positive, negative]), labels)

    @property
    def positive(self) -> np.ndarray:
        """The activations of positive texts, [n, d_model]."""
        found: np.ndarray = self.rows[self.is_positive]
        return found

    @property
    def negative(self) -> np.ndarray:
        """The activations of negative texts, [m, d_model]."""
        found: np.ndarray = self.rows[~self.is_positive]
        return found

    @property
    def part(self) -> np.ndarray:
        """Int [texts]: 0 throughout, for texts are one fit."""
        return np.zeros(len(self.rows), np.int64)

    def take(self, rows: np.ndarray) -> Texts:
        """Return some texts: indices, repeats included, or bool [texts]."""
        return Texts(self.rows[rows], self.is_positive[rows])

    def labelled(self, is_positive: np.ndarray) -> Texts:
        """Return the same texts under other labels, bool [texts]."""
        return Texts(self.rows, is_positive)
