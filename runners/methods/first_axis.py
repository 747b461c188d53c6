"""The first principal axis of rows, without forming anything larger than their smaller side."""

from __future__ import annotations

import numpy as np


def first_axis(rows: np.ndarray) -> np.ndarray:
    """Return the first right singular vector of rows [n, d_model], of any sign and length.

    Rows are taken as they are: whoever means a covariance centres them first. Exact, by the
    eigenvectors of the smaller of the Gram matrix [n, n] and the moments [d_model, d_model].
    """
    from scipy.linalg import eigh

    tall = len(rows) > rows.shape[1]
    moments = rows.T @ rows if tall else rows @ rows.T
    last = len(moments) - 1
    vector: np.ndarray = eigh(moments, subset_by_index=[last, last])[1][:, 0]
    return vector if tall else vector @ rows
