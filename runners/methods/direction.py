"""From an axis to a raw vector: the sign and the length that the training labels give it."""

from __future__ import annotations

import numpy as np


def along(axis: np.ndarray, positive: np.ndarray, negative: np.ndarray) -> np.ndarray:
    """Return the mean difference's part along `axis`, float64 [d_model].

    Methods that find no more than an axis [d_model] get their sign and raw length so: positive
    minus negative activations [items, d_model] lie on the positive side of it on average, and its
    length is how far. Raw lengths then mean the same as those of mean_difference, and a fit on
    shuffled labels is short, as a null has to be: an axis at unit length would be found again,
    plus or minus.
    """
    length = np.linalg.norm(axis)
    if length == 0:
        return np.zeros(len(axis))
    unit = axis / length
    apart = (positive @ unit).mean() - (negative @ unit).mean()
    found: np.ndarray = unit * apart
    return found
