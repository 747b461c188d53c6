"""The letter axis, and activations without it: `project_out: letter` of any method."""

from __future__ import annotations

import numpy as np

from runners.methods.pairs import Pairs


def letter_axis(pairs: Pairs) -> np.ndarray:
    """Return the direction in which differences follow the option order, float64 [d_model].

    Of the least-squares fit difference_i = a + b * order_i, with order_i = +1 where the positive
    option comes first (is A) and -1 where it comes second, it is b at length 1: half of what the
    mean difference is in one order more than in the other. A standard regression of ours; the bias
    it takes away is that of Tan et al. 2024, section 4. Zeros where all items have one order, or
    where nothing follows it.
    """
    order = pairs.order - pairs.order.mean()
    differences = pairs.positive.astype(np.float64) - pairs.negative
    slope: np.ndarray = order @ differences
    length = np.linalg.norm(slope)
    return slope / length if order.any() and length > 0 else np.zeros_like(slope)


def without(axis: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Return rows [..., d_model] less their part along `axis`, of length 1 or 0, as float64."""
    rows = rows.astype(np.float64)
    found: np.ndarray = rows - (rows @ axis)[..., None] * axis
    return found
