"""Ridge regression in closed form, from sums that blocks are added to one after the other.

What is held at d_model 2,304 and d_sae 16,384: X'Y in float64, 302 MB, X'X, 42 MB, and its factor,
42 MB; the answer in float32, 151 MB; of a block 256 rows in float64, 34 MB. However many vectors
there are, no more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from runners.approximator.linear_map import LinearMap, every
from specs.faults import Refused

if TYPE_CHECKING:
    from torch import Tensor

    from runners.approximator.linear_map import Examples

ROWS = 256
"""Vectors that are added at once: so much of a block is copied to float64."""
COLUMNS = 2048
"""Features that are solved for at once."""


class RunningSums:
    """X'X and X'Y in float64, about the means of the first block, so that little cancels."""

    def __init__(self, d_model: int, d_sae: int) -> None:
        def zeros(*shape: int) -> Tensor:
            return torch.zeros(*shape, dtype=torch.float64)

        self.n = 0
        self.origin_x, self.origin_y = zeros(d_model), zeros(d_sae)
        self.sum_x, self.sum_y = zeros(d_model), zeros(d_sae)
        self.xx, self.xy = zeros(d_model, d_model), zeros(d_model, d_sae)

    def add(self, vectors: Tensor, effects: Tensor) -> None:
        """Add a block: vectors [n, d_model] and their effects [n, d_sae]."""
        for x, y in zip(vectors.split(ROWS), effects.split(ROWS), strict=True):
            self._add(x.to(torch.float64, copy=True), y.to(torch.float64, copy=True))

    def _add(self, x: Tensor, y: Tensor) -> None:
        """Add rows that nobody else holds: they are changed in place."""
        if not self.n:
            self.origin_x, self.origin_y = x.mean(0), y.mean(0)
        x, y = x.sub_(self.origin_x), y.sub_(self.origin_y)
        self.n += len(x)
        self.sum_x += x.sum(0)
        self.sum_y += y.sum(0)
        self.xx.addmm_(x.T, x)
        self.xy.addmm_(x.T, y)

    def solve(self, penalty: float) -> LinearMap:
        """Return the map of least squared error + penalty * |M|²; the sums are used up by it.

        The intercept bears no penalty (scikit-learn's Ridge with alpha = penalty).

        Raises:
            Refused: the vectors do not tell all directions apart and nothing is penalised.
        """
        self.xx.addr_(self.sum_x, self.sum_x, alpha=-1 / self.n)
        self.xy.addr_(self.sum_x, self.sum_y, alpha=-1 / self.n)
        self.xx.diagonal().add_(penalty)
        factor = self._factor(penalty)
        mean_x = self.origin_x + self.sum_x / self.n
        bias = self.origin_y + self.sum_y / self.n
        weights = torch.empty(self.xy.shape, dtype=torch.float32)
        for at in range(0, self.xy.shape[1], COLUMNS):
            some = slice(at, at + COLUMNS)
            solved = torch.cholesky_solve(self.xy[:, some], factor)
            weights[:, some] = solved
            bias[some] -= mean_x @ solved
        return LinearMap(weights, bias.float())

    def _factor(self, penalty: float) -> Tensor:
        """Return the Cholesky factor of X'X + penalty."""
        factor, failed = torch.linalg.cholesky_ex(self.xx)
        d_model = len(self.xx)
        if failed or (penalty == 0 and self.n <= d_model):
            raise Refused(
                f"fit of the approximator: {self.n} vectors do not tell {d_model} directions "
                "apart; give a penalty above 0, or more features as inputs"
            )
        return factor


def fit_ridge(examples: Examples, penalty: float) -> LinearMap:
    """Return the map fitted on the examples.

    Raises:
        Refused: as `RunningSums.solve`, and no example at all.
    """
    sums: RunningSums | None = None
    for x, y in every(examples):
        sums = sums or RunningSums(x.shape[1], y.shape[1])
        sums.add(x, y)
    if sums is None:
        raise Refused("fit of the approximator: there is no vector to fit on")
    return sums.solve(penalty)
