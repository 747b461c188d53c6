"""Half a million generated measurements whose truth is known: nothing is lost on the way."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from warehouse.connect import connect
from warehouse.queries import rows
from warehouse.staged import stage

LAYERS, ITEMS, RUNS = 16, 400, 13
GRID = np.array([-1.5, -1.0, -0.5, 0.5, 1.0, 1.5])


@pytest.fixture
def large(world: Any) -> Any:
    names = [f"i{number}" for number in range(ITEMS)]
    split = ["validation" if number % 5 == 0 else "test" for number in range(ITEMS)]
    world.model()
    world.items(
        "d",
        *(
            {"item_id": name, "question": f"q{number // 2}", "first": number % 2 == 0, "split": s}
            for number, (name, s) in enumerate(zip(names, split, strict=True))
        ),
    )
    world.evaluation("e", "d", dict.fromkeys(names, 0.0))
    for run in range(RUNS):
        world.vector(f"v{run}", ("d", "base"), method=f"method{run:02}")
        world.run(f"r{run}", "e", f"v{run}")
    world.stage()
    for run in range(RUNS):
        stage(world.home, f"r{run}/block", {"measurement": _block(run, names), "cell": _cells(run)})
    return world


def _slopes(run: int) -> Any:
    """[layer, item]: best at layer run % LAYERS."""
    rng = np.random.default_rng(run)
    best = 1 - np.abs(np.arange(LAYERS) - run % LAYERS) / LAYERS
    return best[:, None] + rng.normal(size=(LAYERS, ITEMS)) * 0.3


def _block(run: int, names: list[str]) -> pa.Table:
    layer, item, multiplier = np.meshgrid(np.arange(LAYERS), np.arange(ITEMS), GRID, indexing="ij")
    values = _slopes(run)[:, :, None] * GRID
    return pa.table(
        {
            "run_id": pa.array([f"r{run}"] * layer.size),
            "item_id": pa.array(names).take(pa.array(item.ravel())),
            "layer": layer.ravel().astype(np.int16),
            "multiplier": multiplier.ravel(),
            "logit_diff": values.ravel().astype(np.float32),
            "answer_logmass": np.full(layer.size, -0.1, np.float32),
        }
    )


def _cells(run: int) -> pa.Table:
    rows = [
        {"run_id": f"r{run}", "layer": layer, "multiplier": m, "split": split, "block": 0,
         "n_items": n, "execution_id": "x"}
        for layer in range(LAYERS)
        for m in GRID.tolist()
        for split, n in (("validation", 80), ("test", 320))
    ]  # fmt: skip
    return pa.Table.from_pylist(rows)


def test_half_a_million_rows(large: Any) -> None:
    done = large.ingest()
    assert done.files == RUNS + 1
    assert done.rows["measurement"] == RUNS * LAYERS * ITEMS * len(GRID) == 499_200
    test = np.arange(ITEMS) % 5 != 0
    found = {
        (run, layer): (mean, anti, n)
        for run, layer, mean, anti, n in large.rows(
            "select run_id, layer, steerability, anti_steerable_fraction, n_items"
            " from steerability where split = 'test'"
        )
    }
    assert len(found) == RUNS * LAYERS
    for run in range(RUNS):
        slopes = _slopes(run)[:, test]
        for layer in range(LAYERS):
            mean, anti, n = found[f"r{run}", layer]
            assert mean == pytest.approx(slopes[layer].mean(), abs=1e-6)
            assert anti == pytest.approx((slopes[layer] <= -1e-3).mean(), abs=1 / 320)
            assert n == 320
    best = {f"method{run:02}": run % LAYERS for run in range(RUNS)}
    chosen = dict(large.rows("select method, layer from best_layer"))
    assert sum(abs(chosen[method] - layer) for method, layer in best.items()) <= 3
    with connect(large.home) as connection:
        cells = rows(connection, "finished_cells", run_ids=["r3", "r4"], split="test")
        assert len(cells) == 2 * LAYERS * len(GRID)
        assert cells[0] == ("r3", 0, -1.5, 0, 320)
        baselines = rows(connection, "baselines", evaluation_id="e")
        assert len(baselines) == ITEMS
