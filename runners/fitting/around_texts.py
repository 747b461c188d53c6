"""How texts lie around the vector fitted on them, and how much of it others would give back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from runners.fitting.geometry import separation
from runners.fitting.stability import DRAWS, FEW_DRAWS, agreement
from runners.fitting.text_draws import halves_of_texts

if TYPE_CHECKING:
    from runners.fitting.estimator import Estimator
    from runners.methods.texts import Texts


def around_texts(
    texts: Texts, own: Texts, names: Sequence[str], vector: np.ndarray, fit: Estimator
) -> dict[str, float]:
    """Return what of a layer's geometry and stability has a meaning without pairs.

    - d_prime, auroc, overlap as in `geometry`; what is about differences of pairs has no value;
    - split_half_cosine, split_half_sd as in `stability`, over random halvings of either side;
    - noise_length, of a mean difference: estimate of sqrt(E|v - E v|^2), the standard error of the
      difference of two means of independent texts, as a length.

    `own` is what the method is fitted on: the same texts, or their features (runners/fitting/
    given.py). `names` are those of the texts, in order. A side of one text has no stability.
    """
    vector = vector.astype(np.float64)
    found = separation(texts.positive @ vector, texts.negative @ vector) if vector.any() else {}
    if min(len(texts.positive), len(texts.negative)) < 2:
        return found
    if fit.is_mean_difference:
        found["noise_length"] = _noise_length(texts)
    draws = FEW_DRAWS if fit.is_slow else DRAWS
    halves = halves_of_texts(names, own.is_positive, draws)
    return found | agreement((fit(own.take(some)), fit(own.take(~some))) for some in halves)


def _noise_length(texts: Texts) -> float:
    """Return the standard error of the difference of the two means, as a length."""
    sides = [side.astype(np.float64) for side in (texts.positive, texts.negative)]
    return float(np.sqrt(sum(side.var(0, ddof=1).sum() / len(side) for side in sides)))
