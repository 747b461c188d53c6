"""The benchmark of approximators: memory that does not grow with the number of vectors."""

from __future__ import annotations

import argparse

import pytest
import torch

from benchmarks.approximator import Drawn, measure, table
from benchmarks.memory import peak_memory
from runners.approximator.ridge import fit_ridge


@pytest.mark.parametrize("adam", [False, True])
def test_every_part_is_booked(adam: bool) -> None:
    options = argparse.Namespace(rows=200, inputs=16, outputs=64, block=64, adam=adam)
    found = measure(options)
    parts = ["sums", "solve", "skill", "causes", "neighbours", *(["adam, one epoch"] * adam)]
    assert list(found["parts"]) == parts
    assert found["r2_of_noise"] < 0.1
    assert found["before_gib"] <= found["peak_gib"] < found["before_gib"] + 0.5
    assert "200 vectors of 16 -> 64 features" in table(found)


def test_more_vectors_need_no_more_memory() -> None:
    d_model, d_sae, block = 32, 2000, 64
    few, many = (
        peak_memory(lambda n=n: fit_ridge(Drawn(n, d_model, d_sae, block), 1.0))
        for n in (4 * block, 40 * block)
    )
    assert many < 1.1 * few
    held = (d_model + 1) * d_sae * 8 + d_model * d_sae * 4  # X'Y, sums, and the map in float32
    in_float64 = block * d_sae * (8 + 8 + 4)  # a block, less its mean, and as it was drawn
    assert many < 1.5 * (held + in_float64 + 2 * d_model**2 * 8)
    assert torch.get_default_dtype() is torch.float32
