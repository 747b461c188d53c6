"""Read access to the warehouse."""

from __future__ import annotations

from pathlib import Path

import duckdb

from warehouse import definitions, file, migrate
from warehouse.faults import WarehouseRefused


def connect(home: Path) -> duckdb.DuckDBPyConnection:
    """Open the warehouse of `home` read-only, as it is now, whatever is ingested later.

    A `cursor()` of it says `use warehouse` first: DuckDB keeps the default catalog per cursor.
    Raises WarehouseRefused where it is missing, open for writing elsewhere, unreadable, or not of
    the schema and views of this code.
    """
    where = file.path(home)
    if not where.is_file():
        raise WarehouseRefused(
            f"{where}: there is no warehouse yet; `steerhouse run EXPERIMENT` fills one "
            "(`--home` or STEERHOUSE_HOME says where it lies)"
        )
    connection = file.attach(where, read_only=True)
    try:
        _refuse_other(connection, where)
    except BaseException:
        connection.close()
        raise
    return connection


def _refuse_other(connection: duckdb.DuckDBPyConnection, where: Path) -> None:
    migrate.refuse_other(connection, where)
    found = migrate.version(connection)
    if found < migrate.VERSION:
        raise WarehouseRefused(
            f"{where}: has schema version {found}, this steerhouse needs {migrate.VERSION}; "
            "run `steerhouse warehouse migrate`"
        )
    if definitions.stored(connection) != definitions.fingerprint():
        raise WarehouseRefused(
            f"{where}: holds the views of another steerhouse; run `steerhouse warehouse migrate`"
        )
