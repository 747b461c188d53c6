"""What an approximator says of vectors that it has not seen: sums that skill is computed from."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch

from runners.approximator.linear_map import every

if TYPE_CHECKING:
    from torch import Tensor

    from runners.approximator.linear_map import Block, Examples, LinearMap


class Skill(NamedTuple):
    """Sums over n held-out vectors, float64 [d_sae] each; R² and correlation are SQL's."""

    n: int
    mean_effect: Tensor
    """Mean measured effect."""
    squared_error: Tensor
    """Of predicted against measured effects."""
    squared_deviation: Tensor
    """Of measured effects from their mean."""
    predicted_deviation: Tensor
    """Of predicted effects from theirs, squared."""
    joint_deviation: Tensor
    """Of both from their means, multiplied."""
    largest_deviation: Tensor
    """The largest single term of squared_deviation: R² that one vector makes is none."""


def held_out_skill(found: LinearMap, examples: Examples) -> Skill:
    """Return the sums over the examples, in two passes, one block in memory at a time."""
    n = sum(examples.sizes())
    d_sae = len(found.bias)
    mean_y = mean_p = torch.zeros(d_sae, dtype=torch.float64)
    for block in every(examples):
        y, p = _both(found, block)
        mean_y, mean_p = mean_y + y.sum(0) / n, mean_p + p.sum(0) / n
    sums = torch.zeros(4, d_sae, dtype=torch.float64)
    largest = torch.zeros(d_sae, dtype=torch.float64)
    for block in every(examples):
        y, p = _both(found, block)
        error, y, p = y - p, y - mean_y, p - mean_p
        for row, (a, b) in enumerate(((error, error), (y, y), (p, p), (y, p))):
            sums[row] += (a * b).sum(0)
        largest = torch.maximum(largest, y.square().amax(0))
    return Skill(n, mean_y, *sums, largest)


def _both(found: LinearMap, block: Block) -> tuple[Tensor, Tensor]:
    """Return measured and predicted effects of a block, float64 [n, d_sae]."""
    x, y = block
    return y.double(), found.effects(x).double()
