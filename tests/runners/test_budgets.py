"""A halving lasts, and a resumed run repeats the shapes of the one it goes on with."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest
import torch

import runners.campaign.asked
import runners.campaign.step
import runners.engine.chains
from runners.campaign import execute
from runners.campaign.budgets import Budgets
from runners.campaign.outcome import Options
from specs.catalog import Catalog
from specs.schema import Experiment
from specs.settings import Settings

torch.set_num_threads(1)


def test_a_halving_lasts_and_is_found_again_from_its_block_on(tmp_path: Path) -> None:
    path = tmp_path / "staged" / "tokens"
    first = Budgets(800, path)
    assert first.at("one/test", 0).tokens == 800
    first.at("one/test", 2).halved(400)
    assert first.at("one/test", 3).tokens == 400
    assert first.at("two/test", 0).tokens == 400
    first.at("two/test", 1).halved(200)
    assert path.read_text().splitlines() == [
        "800 one/test 0",
        "400 one/test 2",
        "400 two/test 0",
        "200 two/test 1",
    ]
    again = Budgets(800, path, list(first.entries))
    assert [again.at("one/test", n).tokens for n in range(4)] == [800, 800, 400, 400]
    assert [again.at("two/test", n).tokens for n in range(2)] == [400, 200]


def test_two_halvings_of_one_block_end_at_the_second() -> None:
    budgets = Budgets(800)
    budget = budgets.at("one/test", 1)
    budget.halved(400)
    budget.halved(200)
    assert budgets.at("one/test", 1).tokens == 200


# A run whose memory runs out -------------------------------------------------------------------


class Killed(BaseException):
    """What ends a process in the middle of a block."""


class Memory:
    """The fast sweep on a machine whose memory holds so many prompts, and what it did."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.room: Callable[[int], int] = lambda block: 1000
        self.kill_after: int | None = None
        self.shapes: dict[str, list[list[str]]] = {}
        """Blocks in the order in which they were staged, by the batches they were made of."""
        self._now: list[list[str]] = []
        own, stage = runners.engine.chains.sweep, runners.campaign.step.Step._stage

        def sweep(loaded: Any, items: Any, births: Any, scope: str) -> Any:
            if len(items) > self.room(len(self.shapes)):
                self._now.clear()
                raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB.")
            self._now.append([item.item_id for item in items])
            return own(loaded, items, births, scope)

        def staged(step: Any, block: Any, found: Any, tables: Any) -> None:
            if len(self.shapes) == self.kill_after:
                self._now.clear()
                raise Killed
            name = f"{block.unit.evaluation_id}/{block.split}-{block.number}"
            self.shapes[name] = list(self._now)
            self._now.clear()
            stage(step, block, found, tables)

        monkeypatch.setattr(runners.engine.chains, "sweep", sweep)
        monkeypatch.setattr(runners.campaign.step.Step, "_stage", staged)


ASKED = Experiment.model_validate(
    {
        "name": "small",
        "models": ["reference"],
        "concepts": ["kind"],
        "layers": [3],
        "multipliers": [-1, 0, 1],
        "scopes": ["answer", "decision"],
        "limit": 48,
    }
)


def run(home: Path, tokens: int | None = None) -> None:
    settings = Settings(home=home)
    execute.run(ASKED, Catalog(), settings, Options(tokens_per_batch=tokens))


def numbers(home: Path) -> list[Any]:
    with duckdb.connect(str(home / "warehouse.duckdb"), read_only=True) as connection:
        return connection.execute("from measurement order by all").fetchall()


def test_resumed_after_running_out_of_memory_equals_undisturbed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed after the halving, resumed where memory is plenty: the same batches, the same bits."""
    monkeypatch.setattr(runners.campaign.asked, "BLOCK_ITEMS", 16)
    calm = Memory(monkeypatch)
    calm.room = lambda done: 1000 if done < 2 else 6
    run(tmp_path / "calm")
    largest = [max(map(len, batches)) for batches in calm.shapes.values()]
    assert len(largest) == 5
    assert min(largest[:2]) > 6 >= max(largest[2:])
    monkeypatch.undo()
    monkeypatch.setattr(runners.campaign.asked, "BLOCK_ITEMS", 16)
    killed = Memory(monkeypatch)
    killed.room, killed.kill_after = calm.room, 2
    with pytest.raises(Killed):
        run(tmp_path / "killed")
    killed.room, killed.kill_after = (lambda _done: 1000), None
    run(tmp_path / "killed")
    assert killed.shapes == calm.shapes
    assert numbers(tmp_path / "killed") == numbers(tmp_path / "calm")


def test_a_number_that_is_asked_for_is_kept_by_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tight = Memory(monkeypatch)
    tight.room = lambda _done: 6
    run(tmp_path, tokens=1024)
    (kept,) = (tmp_path / "staged").glob("tokens-per-batch-*-1024")
    first = [line.split() for line in kept.read_text().splitlines()]
    assert first[0][0] == "1024"
    assert int(first[-1][0]) < 1024
