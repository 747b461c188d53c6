"""Ridge regression whose every prediction is for a row that it has not seen."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

PENALTIES: Array = np.logspace(-2, 4, 13)
"""Penalties on squared weights of standardised predictors that stand for choice."""


def ridge_paths(x: Array, y: Array) -> tuple[Array, Array]:
    """Return weights [penalties, predictors, targets] and leave-one-out squared errors.

    `x` is [rows, predictors], standardised; `y` is [rows, targets], centred. Errors are
    [penalties, targets], in closed form: residual / (1 - leverage), the intercept counted
    (Golub, Heath and Wahba 1979, Technometrics 21, 215-223, equation 1.3).
    """
    left, sizes, right = np.linalg.svd(x, full_matrices=False)
    turned = left.T @ y
    weights, errors = [], []
    for penalty in PENALTIES:
        kept = sizes**2 / (sizes**2 + penalty)
        leverage = (left**2) @ kept + 1 / len(x)
        residual = (y - left @ (kept[:, None] * turned)) / (1 - leverage)[:, None]
        errors.append((residual**2).sum(axis=0))
        weights.append(right.T @ ((sizes / (sizes**2 + penalty))[:, None] * turned))
    return np.array(weights), np.array(errors)


def standardised(x: Array, like: Array) -> Array:
    """Return `x` in units of the rows of `like`; a predictor that does not vary there is 0."""
    spread = like.std(axis=0)
    scaled: Array = (x - like.mean(axis=0)) / np.where(spread > 1e-12, spread, np.inf)
    return scaled


def fit(x: Array, y: Array) -> tuple[Array, Array]:
    """Return weights [predictors, targets] and penalties [targets], chosen by leave-one-out."""
    weights, errors = ridge_paths(standardised(x, x), y - y.mean(axis=0))
    best = errors.argmin(axis=0)
    return weights[best, :, np.arange(y.shape[1])].T, PENALTIES[best]


def predictions(x: Array, y: Array) -> tuple[Array, Array]:
    """Return each row's prediction from all other rows, by ridge and by their mean.

    Scales, penalty and weights are of the other rows alone. Both results have the shape of `y`.
    """
    by_ridge, by_mean = np.empty_like(y), np.empty_like(y)
    for row in range(len(x)):
        rest = np.arange(len(x)) != row
        weights, _ = fit(x[rest], y[rest])
        by_mean[row] = y[rest].mean(axis=0)
        by_ridge[row] = by_mean[row] + standardised(x[[row]], x[rest])[0] @ weights
    return by_ridge, by_mean


def skills(x: Array, y: Array) -> tuple[Array, Array, Array]:
    """Return 1 - squared error / that of the mean, [targets], and both squared errors by row.

    Above 0 the predictors say something about rows not seen; below, worse than nothing.
    """
    by_ridge, by_mean = predictions(x, y)
    error, blind = (y - by_ridge) ** 2, (y - by_mean) ** 2
    total = blind.sum(axis=0)
    ratio = np.divide(error.sum(axis=0), total, out=np.full(len(total), np.nan), where=total > 0)
    return 1 - ratio, error, blind
