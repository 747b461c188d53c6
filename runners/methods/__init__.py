"""How a vector is fitted: a function per kind, from one layer's training activations.

Add a method: a file here with one function, a class in specs/method.py, a line in `FITS`.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from runners.methods.mean_difference import mean_difference

Fit = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""(positive, negative), float [items, d_model] of one layer -> raw vector, float64 [d_model]."""

FITS: dict[str, Fit] = {"mean_difference": mean_difference}
"""kind -> fit."""
