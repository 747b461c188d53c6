"""How much of a vector would come back with other training questions: columns of `vector_layer`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from runners.fitting.draws import generator

if TYPE_CHECKING:
    from runners.fitting.estimator import Estimator
    from runners.methods.pairs import Pairs

DRAWS = 20
"""Random halvings of the questions."""
FEW_DRAWS = 5
"""The same for methods that take seconds to refit."""


def stability(pairs: Pairs, questions: Sequence[str], fit: Estimator) -> dict[str, float]:
    """Return the stability of `fit` on one layer's pairs, with the question_id of each item.

    - split_half_cosine, split_half_sd: mean and standard deviation, over 20 random halvings of the
      questions (5 where a fit is slow), of the cosine between the vectors fitted on either half
      (the subsamples of Braun et al. 2025, arXiv 2505.22637, made disjoint);
    - noise_length, of a mean difference v: estimate of sqrt(E|v - E v|²), the length that as many
      random questions would give to the mean of differences that are null on average
      (cluster-robust by question). |v|² - noise_length² estimates what is systematic of |v|².

    Where a quantity has no value (one question, a half without length) it is left out.
    """
    names, of_item = np.unique(np.asarray(questions), return_inverse=True)
    if len(names) < 2:
        return {}
    halves = list(_halves(len(names), FEW_DRAWS if fit.is_slow else DRAWS))
    if not fit.is_mean_difference or pairs.part.any():
        chosen = (half[of_item] for half in halves)
        return agreement((fit(pairs.take(some)), fit(pairs.take(~some))) for some in chosen)
    # Means of questions need their sums alone: no vector is fitted twice, no Gram matrix made.
    counts = np.bincount(of_item).astype(np.float64)
    order, first = np.argsort(of_item, kind="stable"), np.r_[0, counts.cumsum()[:-1].astype(int)]
    differences = pairs.positive[order].astype(np.float64) - pairs.negative[order]
    sums = np.add.reduceat(differences, first, axis=0)

    def mean(part: np.ndarray) -> np.ndarray:
        found: np.ndarray = part.astype(np.float64) @ sums / (part @ counts)
        return found

    cosines = agreement((mean(half), mean(~half)) for half in halves)
    return {"noise_length": _noise_length(sums, counts)} | cosines


def _halves(n_questions: int, draws: int = DRAWS) -> Iterator[np.ndarray]:
    """Yield which questions, in the order of their ids, are in the first half: bool [questions]."""
    for number in range(draws):
        drawn = generator("split_half", resample=number).permutation(n_questions)
        yield drawn < n_questions // 2


def agreement(pairs: Iterable[tuple[np.ndarray, np.ndarray]]) -> dict[str, float]:
    """Return mean and spread of the cosines of pairs of vectors."""
    cosines = []
    for one, other in pairs:
        lengths = np.linalg.norm(one) * np.linalg.norm(other)
        if lengths == 0:
            return {}
        cosines.append(float(one @ other / lengths))
    return {
        "split_half_cosine": float(np.mean(cosines)),
        "split_half_sd": float(np.std(cosines, ddof=1)),
    }


def _noise_length(sums: np.ndarray, counts: np.ndarray) -> float:
    """Return the standard error of sums.sum(0) / counts.sum(), as a length, over questions."""
    n_questions, n_items = len(counts), counts.sum()
    residuals = sums - counts[:, None] * (sums.sum(0) / n_items)
    clusters = n_questions / (n_questions - 1)
    return float(np.sqrt(clusters * (residuals**2).sum()) / n_items)
