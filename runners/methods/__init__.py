"""How a vector is fitted: a function per kind, from one layer's training activations.

Add a method: a file here with one function, a class in specs/method.py, a line in `FITS`. A method
of your own needs none of it: see docs/methods.md.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from runners.methods.lat import lat
from runners.methods.lda import lda
from runners.methods.leace import leace
from runners.methods.logistic_probe import logistic_probe
from runners.methods.mean_centred import mean_centred
from runners.methods.mean_difference import mean_difference
from runners.methods.pca import pca
from runners.methods.pca_centered import pca_centered

Function = Callable[..., np.ndarray]
"""(positive, negative), float [items, d_model] of one layer, and the method's own parameters by
name -> raw vector, float64 [d_model], pointing to the positive completions."""

FITS: dict[str, Function] = {
    "mean_difference": mean_difference,
    "pca": pca,
    "logistic_probe": logistic_probe,
    "lda": lda,
    "lat": lat,
    "leace": leace,
    "pca_centered": pca_centered,
    "mean_centred": mean_centred,
}
"""kind -> fit."""
