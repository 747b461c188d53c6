"""lda: Fisher's linear discriminant with a shrunk within-class covariance (Fisher 1936)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from runners.methods.direction import along

LEAST = 1e-6
"""Estimated shrinkage is at least this: with two items it would be none, and nothing invertible."""


def lda(
    positive: np.ndarray,
    negative: np.ndarray,
    *,
    shrinkage: float | None = None,
    standardise: bool = False,
) -> np.ndarray:
    """Return inverse within-class covariance times mean difference, float64 [d_model].

    The covariance is the mean of the two classes', each (1 - s) S + s t I with t the mean variance.
    `shrinkage` is s; without it s is the estimate of Ledoit and Wolf (2004), class by class. So the
    direction turns with the activations, whatever basis the residual stream has. `standardise`
    shrinks features at standard deviation 1 within the class, towards their own variances: a few of
    huge variance do not set t for all (scikit-learn's `shrinkage="auto"`). Sign and length come
    from the training labels (`direction.along`). 2n equations are solved for n items (Woodbury), or
    d_model where that is fewer.
    """
    classes = [rows.astype(np.float64) for rows in (positive, negative)]
    apart = classes[0].mean(0) - classes[1].mean(0)
    parts = [_covariance(rows - rows.mean(0), shrinkage, standardise) for rows in classes]
    rows = np.concatenate([part.rows for part in parts]) / np.sqrt(2)
    target = np.mean([part.target for part in parts], axis=0)
    return along(_solve(rows, target, apart), positive, negative)


class _Covariance(NamedTuple):
    """rows' rows + diag(target), never formed."""

    rows: np.ndarray
    """float64 [items, d_model]."""
    target: np.ndarray
    """float64 [d_model]."""


def _covariance(centred: np.ndarray, shrinkage: float | None, standardise: bool) -> _Covariance:
    """Return the shrunk covariance of one class, of centred activations [items, d_model]."""
    variance = (centred**2).mean(0)
    scale = np.sqrt(np.where(variance > 0, variance, 1.0)) if standardise else np.ones(1)
    share = shrinkage or max(ledoit_wolf(centred / scale), LEAST)
    target = np.broadcast_to(scale**2 * (variance / scale**2).mean(), variance.shape)
    return _Covariance(centred * np.sqrt((1 - share) / len(centred)), share * target)


def ledoit_wolf(centred: np.ndarray) -> float:
    """Return the shrinkage towards t I of centred rows [n, p] (Ledoit and Wolf 2004).

    t is the mean variance. From the Gram matrix [n, n]: the p x p covariance is never formed.
    """
    n, p = centred.shape
    squares = (centred**2).sum(1)
    covariance_squared = float(((centred @ centred.T) ** 2).sum()) / n**2
    mean = float(squares.sum()) / n / p
    distance = (covariance_squared - p * mean**2) / p
    error = (float((squares**2).sum()) / n - covariance_squared) / (n * p)
    return min(error, distance) / distance if min(error, distance) > 0 else 0.0


def _solve(rows: np.ndarray, target: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Return (rows' rows + diag(target))^-1 right, by the smaller of the two sides."""
    from scipy.linalg import solve

    if not target.any():  # an item a class has no covariance
        return right
    n, width = rows.shape
    found: np.ndarray
    if n >= width:
        found = solve(rows.T @ rows + np.diag(target), right, assume_a="pos")
        return found
    spread = np.sqrt(target)
    scaled, whitened = rows / spread, right / spread
    inner = scaled @ scaled.T + np.eye(n)
    found = (whitened - solve(inner, scaled @ whitened, assume_a="pos") @ scaled) / spread
    return found
