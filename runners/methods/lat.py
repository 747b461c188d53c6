"""lat: linear artificial tomography (Zou et al. 2023, RepE, arXiv 2310.01405, section 3.1)."""

from __future__ import annotations

import numpy as np

from runners.fitting.draws import generator
from runners.methods.direction import along
from runners.methods.first_axis import first_axis


def lat(positive: np.ndarray, negative: np.ndarray, *, seed: int = 0) -> np.ndarray:
    """Return the first principal axis of differences of random pairs, float64 [d_model].

    All 2n activations are paired at random, each in one pair (of an odd number of texts one is left
    over), whatever question and label they are of: the paper's way where labels are not used for
    the axis. Differences are centred, as in its code; there are n of them. Labels only give sign
    and length (`direction.along`). On average over draws their covariance is twice that of all
    activations, so that `pca_centered` of `activations` is what this comes to without chance.

    Pairs are drawn by `seed` and the number of items. A resample, and a shuffle of labels, which
    exchanges completions, pairs other activations.
    """
    rows = np.concatenate([positive, negative]).astype(np.float64)
    drawn = generator("lat", seed=seed).permutation(len(rows))
    half = len(rows) // 2
    one, other = rows[drawn[: 2 * half : 2]], rows[drawn[1 : 2 * half : 2]]
    differences = one - other
    return along(first_axis(differences - differences.mean(0)), positive, negative)
