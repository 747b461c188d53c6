"""Whether a warehouse is whole: what `steerhouse warehouse check` looks at."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import duckdb

from warehouse.connect import connect
from warehouse.faults import WarehouseRefused
from warehouse.file import first_line
from warehouse.migrate import version
from warehouse.queries import rows
from warehouse.relations import GRAIN
from warehouse.staged import abandoned, waiting


class Finding(NamedTuple):
    """One line of the check."""

    check: str
    """What was looked at."""
    found: str
    """What was found."""
    fault: bool
    """Whether it must be mended."""


def check(home: Path) -> Iterator[Finding]:
    """Yield what is found in the warehouse of `home`, faults and all else.

    Every row of every table is read, so that damage shows. A warehouse that cannot be opened is
    one fault.
    """
    try:
        connection = connect(home)
    except WarehouseRefused as refusal:
        yield Finding("warehouse", str(refusal), True)
        return
    with connection:
        yield Finding("schema version", str(version(connection)), False)
        yield from _staged(home)
        yield from _tables(connection)
        yield from _repeated(connection)
        for fault, n in rows(connection, "dangling"):
            yield Finding(fault, f"{n} rows", n > 0)


def _staged(home: Path) -> Iterator[Finding]:
    ready = len(waiting(home))
    remedy = "; run `steerhouse warehouse ingest`" if ready else ""
    yield Finding("staged", f"{ready} files wait{remedy}", False)
    yield Finding("staged, unfinished", f"{len(abandoned(home))} temporary files", False)
    refused = len(list((home / "staged" / "refused").rglob("*.parquet")))
    remedy = "; look at them and delete them" if refused else ""
    yield Finding("staged, refused", f"{refused} files{remedy}", refused > 0)


def _tables(connection: duckdb.DuckDBPyConnection) -> Iterator[Finding]:
    for (table,) in rows(connection, "schema_tables"):
        try:
            n = connection.execute(
                f'select count(*), bit_xor(hash("{table}")) from "{table}"'
            ).fetchall()[0][0]
        except duckdb.Error as error:
            yield Finding(f"table {table}", f"unreadable: {first_line(error)}", True)
        else:
            yield Finding(f"table {table}", f"{n} rows", False)


def _repeated(connection: duckdb.DuckDBPyConnection) -> Iterator[Finding]:
    for relation, key in GRAIN.items():
        columns = ", ".join(f'"{column}"' for column in key)
        n = connection.execute(
            f'select count(*) from (select 1 from "{relation}" group by {columns}'
            " having count(*) > 1)"
        ).fetchall()[0][0]
        if n:
            yield Finding(f"table {relation}", f"{n} keys stand in more than one row", True)
