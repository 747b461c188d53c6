"""Which cells are still to be measured, whatever was asked and done before."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from runners.asked import Asked, Run, Unit
from runners.bench import Bench
from runners.fitting import Fitter
from runners.work import Done, blocks
from specs.catalog import Catalog


@pytest.fixture
def run(kind: Bench, catalog: Catalog, tmp_path: Path) -> Run:
    method = catalog.get("methods", "mean_difference")
    vector = Fitter(kind, tmp_path, {}, 8192).vector(method, "base", None, 0)
    return Run.of(kind, "base", vector, "add", "answer")


def unit(kind: Bench, run: Run, multipliers: tuple[float, ...], limit: int | None = None) -> Unit:
    return Unit(kind, "base", [Asked(run, "test", 3, multipliers)], limit)


def done_of(run: Run, kind: Bench, n: int, *multipliers: float) -> Done:
    items = kind.item_ids("test", n)
    cells = {(run.run_id, "test", 3, m, 0): n for m in multipliers}
    return Done(cells, {run.evaluation_id: dict.fromkeys(items, 0.0)})


def test_nothing_done_asks_for_every_nonzero_multiplier(kind: Bench, run: Run) -> None:
    (block,) = blocks([unit(kind, run, (-1.0, 0.0, 1.0))], Done({}, {}))
    assert [cell.multiplier for cell in block.cells] == [-1.0, 1.0]
    assert len(block.items) == 96


def test_everything_done_asks_for_nothing(kind: Bench, run: Run) -> None:
    asked = unit(kind, run, (-1.0, 0.0, 1.0))
    assert blocks([asked], done_of(run, kind, 96, -1.0, 1.0)) == []


def test_a_new_multiplier_is_measured_alone(kind: Bench, run: Run) -> None:
    (block,) = blocks([unit(kind, run, (-1.0, 0.0, 1.0))], done_of(run, kind, 96, -1.0))
    assert [cell.multiplier for cell in block.cells] == [1.0]


def test_a_limited_run_is_redone_whole_when_more_is_asked(kind: Bench, run: Run) -> None:
    limited = done_of(run, kind, 10, -1.0, 1.0)
    assert blocks([unit(kind, run, (-1.0, 1.0), limit=10)], limited) == []
    (block,) = blocks([unit(kind, run, (-1.0, 1.0))], limited)
    assert len(block.cells) == 2
    assert len(block.item_ids) == 96


def test_only_multiplier_zero_still_measures_the_unsteered_model(kind: Bench, run: Run) -> None:
    (block,) = blocks([unit(kind, run, (0.0,))], Done({}, {}))
    assert block.cells == []
    assert len(block.items) == 96


def test_steering_the_whole_prompt_costs_the_whole_prompt(kind: Bench, run: Run) -> None:
    (late,) = blocks([unit(kind, run, (-1.0, 1.0))], Done({}, {}))
    (wide,) = blocks([unit(kind, replace(run, scope="all"), (-1.0, 1.0))], Done({}, {}))
    share = 2 * (kind.loaded.n_layers - 1 - 3) / kind.loaded.n_layers
    assert wide.chain_tokens() == pytest.approx(share * wide.prompt_tokens())
    stems = sum(1 + len(item.shared) for item in late.items)
    assert late.chain_tokens() == pytest.approx(share * stems)
