"""logistic_probe: the normal of the plane that tells positive from negative activations apart.

Among the aggregators of the library that Tan et al. 2024 use (steering_vectors), without intercept
there.
"""

from __future__ import annotations

import warnings

import numpy as np

from runners.methods.direction import along
from specs.faults import Refused


def logistic_probe(
    positive: np.ndarray,
    negative: np.ndarray,
    *,
    C: float = 1.0,
    standardise: bool = False,
    max_iterations: int = 1000,
) -> np.ndarray:
    """Return the normal of a logistic regression with squared (L2) penalty, float64 [d_model].

    Both completions' activations are classed, 2n rows, with an intercept that is not penalised.
    `C` is scikit-learn's: the smaller, the stronger the penalty, and the nearer the normal to the
    difference of the means (divided by the variances where features are standardised: each to
    standard deviation 1 over the 2n rows; the normal is that of the activations as they are). Sign
    and length come from the training labels (`direction.along`). Solved by L-BFGS from 0, so
    nothing is drawn.

    Raises:
        Refused: not converged in `max_iterations`.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    rows = np.concatenate([positive, negative]).astype(np.float64)
    rows -= rows.mean(0)
    spread = rows.std(0) if standardise else np.ones(rows.shape[1])
    spread[spread == 0] = 1.0
    is_positive = np.arange(len(rows)) < len(positive)
    model = LogisticRegression(C=C, max_iter=max_iterations, tol=1e-6)
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        try:
            model.fit(rows / spread, is_positive)
        except ConvergenceWarning:
            raise Refused(
                f"logistic_probe: not converged in {max_iterations} iterations; raise "
                "`max_iterations`, lower `C`, or set `standardise: true`"
            ) from None
    return along(model.coef_[0] / spread, positive, negative)
