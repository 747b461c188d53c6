"""How long damage is said to take: the work is counted whole, and timed on itself."""

from __future__ import annotations

import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import torch

from runners.damage import estimate
from runners.damage.measure import TextBlock
from runners.damage.sweep import damage_sweep
from runners.models.load import load
from runners.prompts.positions import TokenisedItem
from specs.catalog import Catalog
from specs.schema import Model
from specs.settings import Settings
from tests.runners.families import tiny
from tests.runners.family_configs import VOCABULARY, WIDTH

N = 40
"""Cells of the block."""


def block(loaded: Any, lengths: list[int], layer: int, n: int = N) -> TextBlock:
    texts = [TokenisedItem(f"t{i}", "", (5,) * length, (), (), ()) for i, length in enumerate(lengths)]  # fmt: skip
    cells = cast("Any", [SimpleNamespace(layer=layer)] * n)
    return TextBlock(cast("Any", SimpleNamespace(loaded=loaded)), 0, texts, cells)


def test_all_that_is_computed_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded: Any = tiny("llama")
    monkeypatch.setattr(loaded, "row", {"vocabulary_size": VOCABULARY}, raising=False)
    weights = estimate_weights(loaded)
    one = block(loaded, [9, 17, 12], 1)
    said = estimate.work([one, one], 64, "fast")
    behind = (loaded.n_layers - 2) / loaded.n_layers
    tokens, steered = 2 * 38, 2 * 38 * N
    expected = 2 * (weights * (tokens + steered * behind) + WIDTH * VOCABULARY * (tokens + steered))
    assert said.flops == pytest.approx(expected)
    monkeypatch.setattr(estimate, "speed", lambda *_: 100.0)
    assert estimate.work([one, one], 64, "fast").seconds == pytest.approx(expected / 100)
    assert (
        estimate.work([one], 64, "reference").words == f"{6 * N:,} passes of {2 * 38 * N:,} tokens"
    )


def estimate_weights(loaded: Any) -> int:
    from runners.campaign.estimate import block_weights

    return block_weights(loaded)


@pytest.mark.slow  # it is timed, which a machine shared with other tests may upset
@pytest.mark.parametrize("name", ["reference", "stories260k"])
def test_the_trial_is_right_within_a_factor_of_two(
    name: str, monkeypatch: pytest.MonkeyPatch, shared: Path
) -> None:
    """In processor seconds, so that what else runs does not count."""
    monkeypatch.setattr(estimate, "clock", time.process_time)
    folder = Model(name=name, folder=str(shared / "models" / name), template="plain")
    spec = Catalog().get("models", name) if name == "reference" else folder
    loaded = load(spec, Settings())
    one = block(loaded, [40, 60, 60, 80], loaded.n_layers // 2)
    said = estimate.work([one], 2048, "fast").seconds
    start = time.process_time()
    rows = torch.randn(N, loaded.d_model, generator=torch.Generator().manual_seed(0))
    damage_sweep(loaded, one.texts, {loaded.n_layers // 2: rows}, 2048)
    took = time.process_time() - start
    assert took / 2 < said < took * 2
