"""The one file of results: where it lies, and how a connection to it is opened."""

from __future__ import annotations

import re
from pathlib import Path

import duckdb

from warehouse.faults import WarehouseRefused

STORAGE_VERSION = "v1.4.0"
"""The format that is written, so that DuckDB clients from 1.4 on read it."""


def path(home: Path) -> Path:
    """Return where the warehouse of `home` lies, whether it exists or not."""
    return home / "warehouse.duckdb"


def first_line(error: BaseException) -> str:
    """Return the first line of an error's message."""
    return (str(error).splitlines() or [type(error).__name__])[0]


def attach(file: Path, *, read_only: bool) -> duckdb.DuckDBPyConnection:
    """Open `file` as the catalog `warehouse`; raises WarehouseRefused where that can't be done.

    Attached to a DuckDB of its own, never shared: a file that was renamed over is then read anew
    even while older connections of this process keep their snapshot.
    """
    connection = duckdb.connect()
    mode = "(read_only)" if read_only else ""
    if not read_only and not file.exists():  # a file that exists keeps its own format
        mode = f"(storage_version '{STORAGE_VERSION}')"
    try:
        connection.execute(f"set temp_directory = {literal(f'{file}.tmp')}")
        connection.execute(f"attach {literal(file)} as warehouse {mode}")
        connection.execute("use warehouse")
    except duckdb.Error as error:
        connection.close()
        raise WarehouseRefused(_why(file, error)) from error
    return connection


def literal(value: object) -> str:
    """Return `value` as a SQL string, for the statements that take no parameters."""
    return "'" + str(value).replace("'", "''") + "'"


def _why(file: Path, error: duckdb.Error) -> str:
    message = str(error)
    if "Could not set lock" in message:
        holder = re.search(r"PID (\d+)", message)
        who = f"process {holder[1]}" if holder else "another program"
        return f"{file}: {who} has it open for writing; close it there and try again"
    return (
        f"{file}: cannot be read as a warehouse: {first_line(error)}; put a copy of it back, or "
        "move it away and run again what filled it"
    )
