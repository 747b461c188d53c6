"""Random draws over texts, which are of one side each: keyed by their names as in `draws`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from runners.fitting.draws import generator

SIDES = (("positive", True), ("negative", False))


def resampled_texts(
    names: Sequence[str], is_positive: np.ndarray, seed: int, resample: int
) -> np.ndarray:
    """Return indices of texts after as many of each side are drawn with replacement as there are.

    Each side has a stream of its own; the order of texts decides nothing.
    """
    times = np.zeros(len(names), np.int64)
    for side, own in _sides(names, is_positive):
        drawn = generator("resample", seed=seed, resample=resample, side=side)
        times[own] = np.bincount(drawn.integers(len(own), size=len(own)), minlength=len(own))
    return np.repeat(np.arange(len(names)), times)


def shuffled_labels(
    names: Sequence[str], is_positive: np.ndarray, seed: int, resample: int
) -> np.ndarray:
    """Return other labels for the same texts, bool [texts]: as many positive ones, at random.

    The null of any method: what is fitted where labels say nothing.
    """
    order = np.argsort(np.asarray(names))
    drawn = generator("shuffled_labels", seed=seed, resample=resample).permutation(len(names))
    labels = np.zeros(len(names), bool)
    labels[order[drawn[: int(is_positive.sum())]]] = True
    return labels


def halves_of_texts(
    names: Sequence[str], is_positive: np.ndarray, draws: int
) -> Iterator[np.ndarray]:
    """Yield which texts are in the first half, bool [texts]: half of either side, at random."""
    for number in range(draws):
        first = np.zeros(len(names), bool)
        for side, own in _sides(names, is_positive):
            drawn = generator("split_half", resample=number, side=side).permutation(len(own))
            first[own[drawn < len(own) // 2]] = True
        yield first


def _sides(names: Sequence[str], is_positive: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    """Yield each side with the indices of its texts, in the order of their names."""
    order = np.argsort(np.asarray(names))
    for side, label in SIDES:
        yield side, order[is_positive[order] == label]
