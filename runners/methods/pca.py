"""pca: the axis on which the training differences are longest.

Zou et al. 2023 (RepE, arXiv 2310.01405); without centring as in the library that Tan et al. 2024
use (steering_vectors).
"""

from __future__ import annotations

import numpy as np

from runners.methods.direction import along
from runners.methods.first_axis import first_axis


def pca(positive: np.ndarray, negative: np.ndarray) -> np.ndarray:
    """Return the first principal axis of the differences, float64 [d_model].

    Differences are not centred: those of both signs are meant, whose mean is 0, which is what
    centring each pair on its own mean gives too (repeng's `pca_center`, `pca_pairwise` of IBM's
    activation-steering). Sign and length come from the training labels (`direction.along`).

    The axis itself needs no labels. Where letters alternate their axis is often longer than the
    concept's, and it is what is found; `project_out: letter` takes it away first.
    """
    positive, negative = positive.astype(np.float64), negative.astype(np.float64)
    return along(first_axis(positive - negative), positive, negative)
