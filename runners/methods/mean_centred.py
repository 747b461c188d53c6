"""mean_centred: mean-centring (Jorgensen et al. 2023, arXiv 2312.03813)."""

from __future__ import annotations

import numpy as np


def mean_centred(positive: np.ndarray, negative: np.ndarray) -> np.ndarray:
    """Return the mean positive activation less the mean of all activations, float64 [d_model].

    The centre is the mean over both completions of the training items: with as many of either,
    the vector is half the mean difference, exactly. Under norm `base` or `unit` it is therefore
    mean_difference; under `raw` a multiplier moves half as far. The paper means it for a set of
    examples that has no opposite, centred on a sample of all text. Another centre, such as other
    concepts' activations, would make a vector depend on what else was asked.
    """
    positive = positive.astype(np.float64)
    centre = (positive.mean(0) + negative.astype(np.float64).mean(0)) / 2
    vector: np.ndarray = positive.mean(0) - centre
    return vector
