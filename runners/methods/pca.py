"""pca: the axis on which the training differences are longest.

Zou et al. 2023 (RepE, arXiv 2310.01405); without centring as in the library that Tan et al. 2024
use (steering_vectors).
"""

from __future__ import annotations

import numpy as np

from runners.methods.direction import along


def pca(positive: np.ndarray, negative: np.ndarray) -> np.ndarray:
    """Return the first principal axis of the differences, float64 [d_model].

    Differences are not centred: those of both signs are meant, whose mean is 0. Sign and length
    come from the training labels (`direction.along`). Exact, by the eigenvectors of the smaller of
    the Gram matrix [items, items] and the second moments [d_model, d_model].

    The axis itself needs no labels. Where letters alternate their axis is often longer than the
    concept's, and it is what is found; `project_out: letter` takes it away first.
    """
    positive, negative = positive.astype(np.float64), negative.astype(np.float64)
    return along(_first_axis(positive - negative), positive, negative)


def _first_axis(rows: np.ndarray) -> np.ndarray:
    """Return the first right singular vector of rows [n, d_model], of any sign and length."""
    from scipy.linalg import eigh

    tall = len(rows) > rows.shape[1]
    moments = rows.T @ rows if tall else rows @ rows.T
    last = len(moments) - 1
    vector: np.ndarray = eigh(moments, subset_by_index=[last, last])[1][:, 0]
    return vector if tall else vector @ rows
