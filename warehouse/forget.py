"""Taking out what was wrong: whole runs, with whatever only they needed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import duckdb

from warehouse import file, migrate
from warehouse.connect import connect
from warehouse.faults import WarehouseRefused
from warehouse.ingest import ingest
from warehouse.lock import locked
from warehouse.queries import rows, sizes, text
from warehouse.rewrite import Rewrite


@dataclass
class Forgotten:
    """What is, or would be, removed."""

    runs: list[str] = field(default_factory=list)
    """The run_ids."""
    rows: dict[str, int] = field(default_factory=dict)
    """Rows removed per relation, those without any left out."""


def forget(
    home: Path, runs: Sequence[str], experiments: Sequence[str], *, really: bool
) -> Forgotten:
    """Remove runs, and of experiments those runs that no other experiment asks for.

    What is staged is ingested first, so that nothing of it comes back later. Without `really`
    nothing is written, and the answer is what would be removed. Raises WarehouseRefused for an
    unknown run or experiment.
    """
    connect(home).close()  # a missing or older warehouse is refused before anything is written
    if really:
        ingest(home)
    with locked(home), Rewrite(home) as rewrite:
        migrate.refuse_other(rewrite.connection, file.path(home))
        chosen = _chosen(rewrite.connection, runs, experiments)
        before = sizes(rewrite.connection)
        _remove(rewrite.connection, chosen, experiments)
        after = sizes(rewrite.connection)
        if really:
            rewrite.put()
    gone = {name: before[name] - after[name] for name in before if before[name] > after[name]}
    return Forgotten(chosen, gone)


def _chosen(
    connection: duckdb.DuckDBPyConnection, runs: Sequence[str], experiments: Sequence[str]
) -> list[str]:
    known_runs = _values(connection, "select run_id from run")
    known_experiments = _values(connection, "select distinct experiment from experiment_run")
    faults = [f"run {run}: is not in the warehouse" for run in runs if run not in known_runs]
    faults += [
        f"experiment {name}: is not in the warehouse; it holds "
        f"{', '.join(sorted(known_experiments)) or 'none'}"
        for name in experiments
        if name not in known_experiments
    ]
    if faults:
        raise WarehouseRefused(*faults)
    only = rows(connection, "experiment_runs", experiments=list(experiments))
    return sorted({*runs, *(str(row[0]) for row in only)})


def _values(connection: duckdb.DuckDBPyConnection, query: str) -> set[str]:
    return {str(row[0]) for row in connection.execute(query).fetchall()}


def _remove(
    connection: duckdb.DuckDBPyConnection, runs: list[str], experiments: Sequence[str]
) -> None:
    connection.execute(
        "create or replace temp table forgotten as select unnest($runs::varchar[]) as run_id",
        {"runs": runs},
    )
    connection.begin()
    connection.execute(text("forget_runs"))
    connection.execute(
        "delete from experiment_run where list_contains($experiments::varchar[], experiment)",
        {"experiments": list(experiments)},
    )
    connection.commit()
