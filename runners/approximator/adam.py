"""The approximator trained by Adam, as Chalnev et al. 2024 do it (their ft_effects/train.py)."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import torch

from runners.approximator.linear_map import LinearMap, Rows, every
from specs.faults import Refused

if TYPE_CHECKING:
    from torch import Tensor

    from runners.approximator.linear_map import Examples
    from specs.schema import MapFit

Told = Callable[[int, float, float], None]
"""Hears the epoch from 1, and the mean squared errors in training and on validation vectors."""


def fit_adam(examples: Examples, how: MapFit, told: Told = lambda *_: None) -> LinearMap:
    """Return the map after `how.epochs`.

    The learning rate falls once an epoch along a half cosine, down to 0. In memory is one block
    beside the map, its gradient and its two moments: the order is drawn of blocks, and of vectors
    within a block. Where all fit into one block that is the paper's.

    Raises:
        Refused: nothing is left to train on beside the validation vectors.
    """
    n, n_train = sum(examples.sizes()), sum(examples.sizes()) - how.validation
    if n_train < 1:
        raise Refused(
            f"fit of the approximator: {n} vectors, of which {how.validation} are for validation; "
            "lower `validation`, or ask for more features as inputs"
        )
    training, validation = Rows(examples, 0, n_train), Rows(examples, n_train, n)
    x, y = training.block(0)
    trainer = _Trainer(x.shape[1], y.shape[1], how)
    for epoch in range(how.epochs):
        rate = how.learning_rate * (1 + math.cos(math.pi * epoch / how.epochs)) / 2
        error = trainer.epoch(training, rate)
        told(epoch + 1, error, mean_squared_error(trainer.found(), validation))
    return trainer.found()


class _Trainer:
    """The map while it is trained."""

    def __init__(self, d_model: int, d_sae: int, how: MapFit) -> None:
        self.batch = how.batch
        self.draw = torch.Generator().manual_seed(how.seed)
        # Where the paper's code starts: kaiming_uniform_ of a [d_model, d_sae] matrix, whose fan-in
        # torch takes to be the second axis.
        bound = math.sqrt(6 / d_sae)
        start = torch.rand(d_model, d_sae, generator=self.draw)
        self.weights = ((start * 2 - 1) * bound).requires_grad_()
        self.bias = torch.zeros(d_sae, requires_grad=True)
        self.optimiser = torch.optim.Adam([self.weights, self.bias], lr=how.learning_rate)

    def epoch(self, examples: Examples, rate: float) -> float:
        """Take a step for each batch, and return the mean error over them."""
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        errors = []
        for number in self._order(len(examples.sizes())):
            x, y = examples.block(number)
            for rows in torch.tensor(self._order(len(x))).split(self.batch):
                errors.append(self._step(x[rows], y[rows]))
        return sum(errors) / len(errors)

    def _order(self, n: int) -> list[int]:
        found: list[int] = torch.randperm(n, generator=self.draw).tolist()
        return found

    def _step(self, x: Tensor, y: Tensor) -> float:
        with torch.enable_grad():
            error = (x @ self.weights + self.bias - y).square().mean()
        self.optimiser.zero_grad()
        error.backward()  # type: ignore[no-untyped-call]
        self.optimiser.step()
        return float(error.detach())

    def found(self) -> LinearMap:
        """Return the map as it is now."""
        return LinearMap(self.weights.detach(), self.bias.detach())


def mean_squared_error(found: LinearMap, examples: Examples) -> float:
    """Return the mean over vectors and features; NaN where there is no vector."""
    total, count = 0.0, 0
    for x, y in every(examples):
        total += float((found.effects(x) - y).square().sum(dtype=torch.float64))
        count += y.numel()
    return total / count if count else math.nan
