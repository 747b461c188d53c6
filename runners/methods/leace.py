"""leace: least-squares concept erasure (Belrose et al. 2023, LEACE, arXiv 2306.03819).

For x with covariance C and a binary label whose cross-covariance with x is c, LEACE maps x to
x - c (c' C+ (x - mean)) / (c' C+ c): of all affine maps after which no linear classifier does
better than a constant, the one that changes x least. Two directions are in it. What is taken away
lies along c, which for a label is the difference of the class means; how much is read off by C+ c.
"""

from __future__ import annotations

import numpy as np

from runners.methods.direction import along


def leace(positive: np.ndarray, negative: np.ndarray, *, direction: str = "erased") -> np.ndarray:
    """Return the direction that LEACE erases or reads for the label, float64 [d_model].

    - `erased`: c. With as many positive as negative rows it is mean_difference, to the last digits.
      It is the one for the operator `ablate`: an orthogonal projection makes the class means equal
      if it is along their difference, and along nothing else.
    - `read`: C+ c, sign and length as of `direction.along`; the whitened direction that tells the
      label best by least squares, and Fisher's discriminant without shrinkage (`lda`). Ablating it
      leaves the class means apart; LEACE's own map is oblique, reads here and takes away there.
    """
    positive, negative = positive.astype(np.float64), negative.astype(np.float64)
    if direction == "erased":
        vector: np.ndarray = positive.mean(0) - negative.mean(0)
        return vector
    rows = np.concatenate([positive, negative])
    labels = np.repeat([1.0, -1.0], [len(positive), len(negative)])
    return along(_least_norm(rows - rows.mean(0), labels), positive, negative)


def _least_norm(rows: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return the least-norm least-squares solution of rows w = labels: C+ c, but for a factor.

    Eigenvalues below the precision of float32, in which activations are kept, count as 0: their
    directions hold rounding, which would fit what little the others leave.
    """
    n, width = rows.shape
    tolerance = float(np.finfo(np.float32).eps) * max(n, width)
    found: np.ndarray
    if n > width:
        inverse = np.linalg.pinv(rows.T @ rows, rcond=tolerance, hermitian=True)
        found = inverse @ (rows.T @ labels)
        return found
    found = np.linalg.pinv(rows @ rows.T, rcond=tolerance, hermitian=True) @ labels @ rows
    return found
