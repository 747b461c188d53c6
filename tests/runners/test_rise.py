"""The multiplier at a given cost: found on curves that are known."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from runners.rollouts.rise import by_loss, by_rise


def test_the_multiplier_of_a_known_curve() -> None:
    # Costs a m^2, a (e^m - 1), nothing at all, and one that falls before it rises.
    lengths = torch.tensor([0.5, 20.0, 1.0, 3.0], dtype=torch.float64)
    asked = []

    def costs(m: Tensor) -> Tensor:
        asked.append(m.shape[1])
        rows = [0.02 * m[0] ** 2, 4 * m[1].exp() - 4, 0 * m[2], m[3] ** 2 - 2 * m[3]]
        return torch.stack(rows)

    found = by_rise(costs, lengths, 0.5)
    assert found[0] == pytest.approx(5.0, rel=1e-3)
    assert found[1] == pytest.approx(math.log(1.125), rel=1e-3)
    assert math.isnan(found[2])
    assert found[3] == pytest.approx(1 + math.sqrt(1.5), rel=1e-3)
    assert sum(asked) <= 18 + 14


def test_the_rule_of_the_code() -> None:
    grid = torch.arange(0, 80, 20, dtype=torch.float64).expand(4, -1)
    loss = torch.tensor(
        [[2.0, 3.0, 5.0, 9.0], [2.0, 4.5, 3.0, 9.0], [2.0, 2.1, 2.2, 2.3], [4.5, 5.0, 6.0, 7.0]]
    )
    found = by_loss(grid, loss, 4.0)
    assert found[:2].tolist() == pytest.approx([30.0, 16.0])
    assert found[2:].isnan().all()
