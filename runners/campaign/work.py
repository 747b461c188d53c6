"""What of the asked cells is still to be measured, and what it will cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from runners.engine.measure import Cell
from runners.engine.ways import ways

if TYPE_CHECKING:
    from runners.campaign.asked import Unit
    from runners.prompts.positions import TokenisedItem


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
    """Steered numbers still to measure; empty where only the unsteered numbers are missing."""

    @property
    def place(self) -> str:
        """Evaluation and split: what `number` counts in."""
        return f"{self.unit.evaluation_id}/{self.split}"

    @property
    def items(self) -> list[TokenisedItem]:
        """The items of the block that can be used."""
        fit = self.unit.bench.tokenised(self.unit.variant).fit
        return [fit[item] for item in self.item_ids if item in fit]

    def scopes(self) -> list[str]:
        """The scopes of the cells; each sends the prompts through the model once more."""
        return list(dict.fromkeys(cell.run.scope for cell in self.cells)) or ["answer"]

    def prompt_tokens(self) -> int:
        """Tokens that go through all blocks: a pass a scope, what all prompts begin with once."""
        return sum(self._whole(scope) - self._saved(scope) for scope in self.scopes())

    def chain_tokens(self) -> float:
        """Steered tokens in units of a full pass through all blocks (benchmarks/bounds.py).

        Steering at layer l costs the share of the blocks behind l: of a chain, or of the whole
        prompt where it is replayed.
        """
        n_layers = self.unit.bench.loaded.n_layers
        tokens = {scope: self._steered_tokens(scope) for scope in self.scopes()}
        return sum(
            (n_layers - 1 - cell.layer) / n_layers * tokens[cell.run.scope] for cell in self.cells
        )

    def answers(self) -> int:
        """Positions that are unembedded: an item's for each cell, and unsteered for each scope."""
        told = sum(1 + sum(map(len, item.tails)) for item in self.items)
        return told * self._numbers()

    def passes(self) -> int:
        """Forward passes of the reference path: one a number, or one for each long completion."""
        return sum(len(item.lines) for item in self.items) * self._numbers()

    def reference_tokens(self) -> int:
        """Tokens of all these passes."""
        lines = sum(len(line.tokens) for item in self.items for line in item.lines)
        return lines * self._numbers()

    def _numbers(self) -> int:
        """Numbers of one item: a steered one for each cell, an unsteered one for each scope."""
        return len(self.cells) + len(self.scopes())

    def _whole(self, scope: str) -> int:
        """Tokens of one unsteered pass; a replay runs a line for each of two long completions."""
        if self._by_chains(scope):
            return sum(item.width for item in self.items)
        return sum(len(line.tokens) for item in self.items for line in item.lines)

    def _by_chains(self, scope: str) -> bool:
        return ways(self.unit.bench.loaded, self.items, scope)[0] == "chains"

    def _steered_tokens(self, scope: str) -> int:
        """Tokens that one cell sends through the blocks behind its layer."""
        if not self._by_chains(scope):
            return self._whole(scope)
        return sum(_stem(item, scope) + sum(map(len, item.tails)) for item in self.items)

    def _saved(self, scope: str) -> int:
        """Tokens of the prompts that need not be computed, for all of them begin alike."""
        from runners.engine.prefix import saved_tokens

        if not self._by_chains(scope):
            return 0  # a replay runs every prompt whole
        rows = [(*item.prompt, *item.shared) for item in self.items]
        apart = max(max(1 + len(item.shared), _stem(item, scope) + 1) for item in self.items)
        return saved_tokens(self.unit.bench.loaded, rows, apart)


def _stem(item: TokenisedItem, scope: str) -> int:
    """Return the tokens of one chain up to the decision position."""
    return 1 if scope == "decision" else 1 + len(item.shared)


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
        for multiplier in one.measured
    ]
    fit = unit.bench.tokenised(unit.variant).fit
    n_fit = sum(item in fit for item in item_ids)
    missing = [
        cell
        for cell in asked
        if done.cells.get((cell.run.run_id, split, cell.layer, cell.multiplier, number), 0) < n_fit
    ]
    stored = done.baselines.get(unit.evaluation_id, {})
    unsteered_missing = any(item in fit and item not in stored for item in item_ids)
    if not missing and not unsteered_missing:
        return None
    return Block(unit, split, number, item_ids, missing)


def done(home: Path, units: Sequence[Unit]) -> Done:
    """Read from the warehouse what is finished; nothing where there is no warehouse yet."""
    from warehouse import file, queries
    from warehouse.connect import connect

    if not file.path(home).exists():
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
