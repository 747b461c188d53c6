"""Questions that commands and runners put to the warehouse, one per .sql file beside this."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Any

import duckdb


@cache
def text(name: str) -> str:
    """Return the SQL of `warehouse/queries/<name>.sql`."""
    return (files("warehouse") / "queries" / f"{name}.sql").read_text("utf-8")


def rows(
    connection: duckdb.DuckDBPyConnection, name: str, **parameters: Any
) -> list[tuple[Any, ...]]:
    """Return the rows of the query `name` with its `$parameters` bound."""
    found: list[tuple[Any, ...]] = connection.execute(text(name), parameters or None).fetchall()
    return found


def sizes(connection: duckdb.DuckDBPyConnection) -> dict[str, int]:
    """Return how many rows each table has."""
    return {
        table: connection.execute(f'select count(*) from "{table}"').fetchall()[0][0]
        for (table,) in rows(connection, "schema_tables")
    }
