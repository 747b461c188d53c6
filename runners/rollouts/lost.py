"""Effects that are whole in a file and not in the warehouse: forgotten, or staged in vain."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runners.rollouts.rows import aimed_at, effect_rows

if TYPE_CHECKING:
    from runners.engine.measure import Cell
    from runners.rollouts.asked import RolloutUnit
    from runners.rollouts.effects import Shelf


def lost_rows(
    home: Path, unit: RolloutUnit, shelves: Sequence[Shelf], cells: Sequence[Cell]
) -> list[dict[str, Any]]:
    """Return the rows of `feature_effect` of those cells that lack some, as their files have them.

    A cell lacks some where it has none at all, for the largest effect always is one, or none of a
    feature that its vector aims at, as an older version left it.
    """
    there, total = _there(home, unit), len(unit.pairs())
    rows = []
    for shelf in shelves:
        for cell in cells:
            key = cell.run.run_id, cell.layer, cell.multiplier, shelf.sae_id, shelf.stream
            known = there.get(key, set())
            whole = bool(known) and known.issuperset(aimed_at(cell, shelf.sae_id))
            if not whole and shelf.has(cell, total):
                found = shelf.load(cell)
                rows += effect_rows(cell, shelf.sae_id, shelf.stream, found, unit.spec.floor)
    return rows


def _there(home: Path, unit: RolloutUnit) -> dict[tuple[Any, ...], set[int]]:
    """Return (run_id, layer, multiplier, sae_id, stream) -> features, as the warehouse has them."""
    from warehouse import queries
    from warehouse.connect import connect

    if not (home / "warehouse.duckdb").exists():
        return {}
    runs = sorted({one.run.run_id for one in unit.asked})
    with connect(home) as connection:
        found = queries.rows(connection, "effects_there", run_ids=runs)
    return {tuple(key): set(features) for *key, features in found}
