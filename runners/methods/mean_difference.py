"""mean_difference: contrastive activation addition (Tan et al. 2024, section 3; Rimsky et al.)."""

from __future__ import annotations

import numpy as np


def mean_difference(positive: np.ndarray, negative: np.ndarray) -> np.ndarray:
    """Return the mean over items of positive minus negative activation, float64 [d_model].

    Where there are not as many of either (texts in no pairs), the difference of the two means.
    """
    if len(positive) != len(negative):
        apart: np.ndarray = positive.mean(0, dtype=np.float64) - negative.mean(0, dtype=np.float64)
        return apart
    vector: np.ndarray = (positive.astype(np.float64) - negative.astype(np.float64)).mean(0)
    return vector
