"""What of the asked rollouts and effects is there, and what is still to be sampled."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from runners.rollouts.asked import SPLIT
from runners.rollouts.effects import Shelf, count
from runners.rollouts.measure import RolloutBlock

if TYPE_CHECKING:
    from runners.engine.measure import Cell
    from runners.rollouts.asked import RolloutUnit
    from runners.rollouts.prompts import Pair
    from runners.saes.loaded import LoadedSae


@dataclass(frozen=True)
class Done:
    """What the warehouse and the files of feature effects hold of one unit."""

    cells: dict[tuple[object, ...], int]
    """(run_id, layer, multiplier, block) -> rollouts."""
    unsteered: set[tuple[str, int]]
    """(prompt_id, sample)."""
    shelves: tuple[Shelf, ...]
    """One for each SAE that is asked for."""

    @classmethod
    def of(cls, home: Path, unit: RolloutUnit, saes: Sequence[LoadedSae]) -> Done:
        """Read what is there of `unit`."""
        from warehouse import queries
        from warehouse.connect import connect

        shelves = tuple(Shelf(home, sae.sae_id, unit.spec.stream) for sae in saes)
        if not (home / "warehouse.duckdb").exists():
            return cls({}, set(), shelves)
        runs = sorted({one.run.run_id for one in unit.asked})
        with connect(home) as connection:
            rows = queries.rows(connection, "finished_cells", run_ids=runs, split=SPLIT)
            there = queries.rows(connection, "unsteered_rollouts", evaluation_id=unit.evaluation_id)
        cells = {tuple(key): n_items for *key, n_items in rows}
        return cls(cells, {(prompt_id, sample) for prompt_id, sample in there}, shelves)

    def blocks(self, unit: RolloutUnit) -> Iterator[RolloutBlock]:
        """Yield the blocks of `unit` with something to sample, unsteered ones first."""
        slices = list(unit.slices())
        total = sum(len(pairs) for _, pairs in slices)
        for number, pairs in slices:
            if self._lacks_unsteered(unit, number, pairs):
                yield RolloutBlock(unit, number, pairs, [])
        for group in unit.groups():
            for number, pairs in slices:
                missing = [cell for cell in group if self._lacks(cell, number, pairs, total)]
                if missing:
                    yield RolloutBlock(unit, number, pairs, missing)

    def _lacks_unsteered(self, unit: RolloutUnit, number: int, pairs: Sequence[Pair]) -> bool:
        if any((pair.opening.prompt_id, pair.sample) not in self.unsteered for pair in pairs):
            return True
        files = (shelf.unsteered(unit.evaluation_id, number) for shelf in self.shelves)
        return any(count(file) != len(pairs) for file in files)

    def _lacks(self, cell: Cell, number: int, pairs: Sequence[Pair], total: int) -> bool:
        there = self.cells.get((cell.run.run_id, cell.layer, cell.multiplier, number), 0)
        if there < len(pairs):
            return True
        return not all(
            shelf.has(cell, total) or count(shelf.part(cell, number)) == len(pairs)
            for shelf in self.shelves
        )
