"""A user's own SQL: one statement that reads, and a fault that says where it is wrong."""

from __future__ import annotations

import json

import duckdb

from warehouse.faults import WarehouseRefused
from warehouse.file import first_line

_READS = {"SELECT", "EXPLAIN", "PRAGMA", "CALL"}
_PIVOT = "MULTI"  # how DuckDB parses `pivot` without a list of values


def relation(
    connection: duckdb.DuckDBPyConnection, sql: str, where: str = "query"
) -> duckdb.DuckDBPyRelation:
    """Return the result of the one statement in `sql`, bound but not yet run.

    Raises WarehouseRefused, as `<where>:line:column: ...`, where it is wrong, where there is none
    or more than one, and where it is not a question.
    """
    try:
        statements = connection.extract_statements(sql)
        if len(statements) != 1:
            raise WarehouseRefused(f"{where}: holds {len(statements)} statements; give one")
        kind = statements[0].type.name
        if kind not in _READS | {_PIVOT}:
            raise WarehouseRefused(
                f"{where}: {kind.lower()} is not a question; the warehouse is read-only here, "
                "so start with select, from, with, pivot, describe, show or summarize"
            )
        if kind == _PIVOT:
            return connection.from_arrow(connection.sql(sql).to_arrow_table())
        return connection.sql(sql)
    except duckdb.Error as error:
        raise WarehouseRefused(fault(connection, sql, where, error)) from error


def fault(connection: duckdb.DuckDBPyConnection, sql: str, where: str, error: duckdb.Error) -> str:
    """Return one line on `error` with the place in `sql`, found by running it once more."""
    connection.execute("set errors_as_json = true")
    try:
        connection.execute(sql).fetchall()
    except duckdb.Error as again:
        return _located(str(again), sql, where) or f"{where}: {first_line(error)}"
    finally:
        connection.execute("set errors_as_json = false")
    return f"{where}: {first_line(error)}"


def _located(message: str, sql: str, where: str) -> str | None:
    kind, _, body = message.partition(": ")
    try:
        details = json.loads(body)
        position = int(details["position"])
    except (ValueError, KeyError):
        return None
    before = sql.encode()[:position].decode(errors="ignore")
    line = before.count("\n") + 1
    column = len(before) - (before.rfind("\n") + 1) + 1
    text = details["exception_message"].splitlines()[0]
    hint = (
        f" (did you mean {', '.join(details['candidates'].split(','))}?)"
        if details.get("candidates")
        else ""
    )
    return f"{where}:{line}:{column}: {kind}: {text}{hint}"
