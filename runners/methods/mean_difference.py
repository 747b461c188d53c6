"""mean_difference: contrastive activation addition (Tan et al. 2024, section 3; Rimsky et al.)."""

from __future__ import annotations

import numpy as np


def mean_difference(positive: np.ndarray, negative: np.ndarray) -> np.ndarray:
    """Return the mean over items of positive minus negative activation, float64 [d_model]."""
    vector: np.ndarray = (positive.astype(np.float64) - negative.astype(np.float64)).mean(0)
    return vector
