"""pca_centered: the axis along which training activations vary most, once their mean is gone.

What a library calls so differs; `of` says which is meant. `differences`: what scikit-learn's PCA
does to them (repeng's `pca_diff`). `shuffled`: the same after each pair was put in random order, as
RepE's data sets are (Zou et al. 2023, arXiv 2310.01405). `activations`: those of both completions,
less their common mean (`pca_center` of IBM's activation-steering). repeng's `pca_center` takes each
pair's own mean away, which is our `pca`.
"""

from __future__ import annotations

import numpy as np

from runners.fitting.draws import generator
from runners.methods.direction import along
from runners.methods.first_axis import first_axis


def pca_centered(
    positive: np.ndarray, negative: np.ndarray, *, of: str = "differences", seed: int = 0
) -> np.ndarray:
    """Return the first principal axis after centring, float64 [d_model].

    Sign and length come from the training labels (`direction.along`). The mean of `differences` is
    the mean difference itself: what all items share of the concept is centred away, and an axis is
    found only where items differ in it. `shuffled`, by `seed`, leaves nearly all of it, and is
    `pca` but for chance. `activations` keeps it beside all else that the prompts differ in.
    """
    positive, negative = positive.astype(np.float64), negative.astype(np.float64)
    whole = of == "activations"
    rows = np.concatenate([positive, negative]) if whole else positive - negative
    if of == "shuffled":
        order = generator("pca_centered", seed=seed).integers(2, size=len(rows))
        rows *= 2.0 * order[:, None] - 1
    return along(first_axis(rows - rows.mean(0)), positive, negative)
