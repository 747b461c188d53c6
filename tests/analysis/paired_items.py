"""Simulated items, two of every question, that are alike as a case says."""

from __future__ import annotations

import numpy as np

from tests.analysis.simulated import FITTED, Vector

Draw = np.random.Generator


def pairs(questions: int) -> np.ndarray:
    return np.repeat(np.arange(questions), 2)


def alike(draw: Draw, tables: int, questions: int, correlation: float) -> np.ndarray:
    """Return standard normal [tables, 2 * questions], both items of a question correlated."""
    shared = draw.normal(size=(tables, questions))[:, pairs(questions)]
    own = draw.normal(size=(tables, 2 * questions))
    return np.sqrt(correlation) * shared + np.sqrt(1 - correlation) * own


def hits(draw: Draw, tables: int, questions: int, p: float, correlation: float) -> np.ndarray:
    """Return 0/1 [tables, 2 * questions] with that chance and correlation within a question."""
    shared = (draw.random((tables, questions)) < p)[:, pairs(questions)]
    own = draw.random((tables, 2 * questions)) < p
    copied = draw.random((tables, questions))[:, pairs(questions)] < np.sqrt(correlation)
    keep = copied & (draw.random((tables, 2 * questions)) < np.sqrt(correlation))
    return np.where(keep, shared, own)


def vectors(draw: Draw, tables: int, questions: int, resamples: int) -> dict[Vector, np.ndarray]:
    """Return slopes under fitted and resampled vectors: 30 training differences in 4 dimensions.

    An item's slope is the product of its own gradient with the vector; the truth over new training
    and test questions is 1.
    """
    d, n = 4, 30
    centre = np.array([1.0, 0, 0, 0])
    training = centre + draw.normal(0, 1.2, (tables, n, d))
    gradient = centre + 0.8 * np.moveaxis(
        np.array([alike(draw, tables, questions, 0.5) for _ in range(d)]), 0, -1
    )
    found = {FITTED: np.einsum("tid,td->ti", gradient, training.mean(axis=1))}
    for number in range(resamples):
        rows = draw.integers(0, n, (tables, n))
        again = np.take_along_axis(training, rows[:, :, None], axis=1).mean(axis=1)
        found[Vector("resample", number=number)] = np.einsum("tid,td->ti", gradient, again)
    return found
