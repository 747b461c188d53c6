"""What of the asked cells is still to be measured, and what it will cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from runners.measure import Cell
from runners.ways import LATE

if TYPE_CHECKING:
    from runners.asked import Unit
    from runners.positions import TokenisedItem


class Done(NamedTuple):
    """What the warehouse holds of some runs and evaluations."""

    cells: Mapping[tuple[str, str, int, float, int], int]
    """(run_id, split, layer, multiplier, block) -> items measured."""
    baselines: Mapping[str, Mapping[str, float]]
    """evaluation_id -> item_id -> unsteered logit difference."""


@dataclass(frozen=True)
class Block:
    """A slice of a split with the cells it still lacks."""

    unit: Unit
    split: str
    number: int
    item_ids: list[str]
    cells: list[Cell]
    """Nonzero multipliers still to measure; empty where only the unsteered numbers are missing."""

    @property
    def place(self) -> str:
        """Evaluation and split: what `number` counts in."""
        return f"{self.unit.evaluation_id}/{self.split}"

    @property
    def items(self) -> list[TokenisedItem]:
        """The items of the block that can be used."""
        fit = self.unit.bench.tokenised(self.unit.variant).fit
        return [fit[item] for item in self.item_ids if item in fit]

    def prompt_tokens(self) -> int:
        """Tokens that go through the model once per scope."""
        return sum(item.width for item in self.items)

    def chain_tokens(self) -> float:
        """Steered tokens in units of a full pass through all blocks (the bound of DESIGN 5).

        Steering at layer l costs the share of the blocks behind l: of a chain, or of the whole
        prompt where the scope touches it.
        """
        n_layers = self.unit.bench.loaded.n_layers
        chain = sum(1 + len(item.shared) + sum(map(len, item.tails)) for item in self.items)
        whole = sum(len(line.tokens) for item in self.items for line in item.lines)
        return sum(
            (n_layers - 1 - cell.layer) / n_layers * (chain if cell.run.scope in LATE else whole)
            for cell in self.cells
        )


def blocks(units: Sequence[Unit], done: Done) -> list[Block]:
    """Return the blocks with something to measure, in the fixed order of units and slices."""
    found = []
    for unit in units:
        for split in unit.splits():
            for number, item_ids in unit.blocks(split):
                block = _block(unit, split, number, item_ids, done)
                if block:
                    found.append(block)
    return found


def _block(unit: Unit, split: str, number: int, item_ids: list[str], done: Done) -> Block | None:
    """Return one block, or None where it is finished."""
    asked = [
        (Cell(one.run, one.layer, multiplier))
        for one in unit.asked
        if one.split == split
        for multiplier in one.multipliers
    ]
    fit = unit.bench.tokenised(unit.variant).fit
    n_fit = sum(item in fit for item in item_ids)
    missing = [
        cell
        for cell in asked
        if cell.multiplier != 0
        and done.cells.get((cell.run.run_id, split, cell.layer, cell.multiplier, number), 0) < n_fit
    ]
    stored = done.baselines.get(unit.evaluation_id, {})
    unsteered_missing = any(item in fit and item not in stored for item in item_ids)
    if not missing and not unsteered_missing:
        return None
    return Block(unit, split, number, item_ids, missing)


def done(home: Path, units: Sequence[Unit]) -> Done:
    """Read from the warehouse what is finished; nothing where there is no warehouse yet."""
    from warehouse import queries
    from warehouse.connect import connect

    if not (home / "warehouse.duckdb").exists():
        return Done({}, {})
    runs = sorted({asked.run.run_id for unit in units for asked in unit.asked})
    splits = sorted({asked.split for unit in units for asked in unit.asked})
    evaluations = sorted({unit.evaluation_id for unit in units})
    with connect(home) as connection:
        cells = {
            (run, split, *rest): n_items
            for split in splits
            for run, *rest, n_items in queries.rows(
                connection, "finished_cells", run_ids=runs, split=split
            )
        }
        baselines = {
            evaluation: {
                item: logit_diff
                for item, logit_diff, _ in queries.rows(
                    connection, "baselines", evaluation_id=evaluation
                )
            }
            for evaluation in evaluations
        }
    return Done(cells, baselines)
