"""Staged files into the warehouse: on a copy, one transaction each, renamed over at the end."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import duckdb

from warehouse import file, migrate
from warehouse.faults import WarehouseRefused
from warehouse.incoming import take
from warehouse.lock import locked
from warehouse.rewrite import Rewrite
from warehouse.staged import REPLACING, abandoned, alteration, waiting


@dataclass
class Ingested:
    """What one ingest has done."""

    files: int = 0
    """Staged files taken in."""
    rows: dict[str, int] = field(default_factory=dict)
    """Rows inserted per relation."""
    refused: list[str] = field(default_factory=list)
    """One line per staged file that was moved to `staged/refused/`, with the reason."""


def ingest(home: Path, wait: float | None = None) -> Ingested:
    """Take in every staged file of `home`; does nothing where nothing is staged.

    A process killed at any moment leaves the old or the new warehouse, whole, and every file that
    is not in it staged; taking a file in twice changes nothing. A second ingest waits `wait`
    seconds (60 where left out) for the first; raises WarehouseRefused after that, for a warehouse
    of a newer schema, and for one open for writing elsewhere.
    """
    if not waiting(home):
        return Ingested()
    with locked(home, wait):
        for leftover in abandoned(home):
            leftover.unlink(missing_ok=True)
        return _ingest(home, waiting(home))


def _ingest(home: Path, staged: list[Path]) -> Ingested:
    done = Ingested()
    sound = [one for one in staged if _sound(home, one, done)]
    if not sound:
        return done
    with Rewrite(home) as rewrite:
        migrate.refuse_other(rewrite.connection, file.path(home))
        migrate.apply(rewrite.connection)
        inside = [one for one in sound if _taken(home, rewrite.connection, one, done)]
        if inside:
            rewrite.put()
    for one in inside:  # oldest first: what a kill leaves here is taken in again in its order
        one.unlink()
    done.files = len(inside)
    return done


def _sound(home: Path, staged: Path, done: Ingested) -> bool:
    fault = alteration(staged)
    if fault:
        _refuse(home, staged, fault, done)
    return fault is None


def _taken(home: Path, connection: duckdb.DuckDBPyConnection, staged: Path, done: Ingested) -> bool:
    try:
        replacing = staged.relative_to(home / "staged").parts[0] == REPLACING
        rows = take(connection, staged, replacing=replacing)
    except WarehouseRefused as refusal:
        _refuse(home, staged, str(refusal), done)
        return False
    done.rows = dict(Counter(done.rows) + Counter(rows))
    return True


def _refuse(home: Path, staged: Path, fault: str, done: Ingested) -> None:
    kept = home / "staged" / "refused" / staged.relative_to(home / "staged")
    kept.parent.mkdir(parents=True, exist_ok=True)
    staged.replace(kept)
    done.refused.append(
        f"{staged}: {fault}; nothing of it was ingested, it is kept in {kept.parent}, and the "
        "next `steerhouse run` measures it again"
    )
