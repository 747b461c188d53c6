"""The schema's version: numbered SQL files, each applied once, with its record, as one step."""

from __future__ import annotations

import re
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple

import duckdb

from warehouse import definitions, file
from warehouse.faults import WarehouseRefused
from warehouse.lock import locked
from warehouse.queries import rows
from warehouse.rewrite import Rewrite


class Script(NamedTuple):
    """One migration: `0001_relations.sql` is number 1."""

    number: int
    name: str
    sql: str


@lru_cache(maxsize=1)
def scripts() -> tuple[Script, ...]:
    """Return all migrations in their order."""
    folder = files("warehouse") / "migrations"
    found = sorted(
        (entry.name, entry) for entry in folder.iterdir() if re.match(r"\d{4}_", entry.name)
    )
    return tuple(Script(int(name[:4]), name, entry.read_text("utf-8")) for name, entry in found)


VERSION = scripts()[-1].number
"""The schema version that this code reads and writes."""


def version(connection: duckdb.DuckDBPyConnection) -> int:
    """Return the schema version of an open warehouse, 0 for an empty file."""
    if ("schema_migration",) not in rows(connection, "schema_tables"):
        return 0
    found = connection.execute("select max(version) from schema_migration").fetchall()
    return int(found[0][0] or 0)


def refuse_other(connection: duckdb.DuckDBPyConnection, where: Path) -> None:
    """Raise WarehouseRefused where a later steerhouse or another program has written the file."""
    found = version(connection)
    if found > VERSION:
        raise WarehouseRefused(
            f"{where}: has schema version {found}, this steerhouse knows up to {VERSION}; "
            "upgrade steerhouse"
        )
    if found == 0 and rows(connection, "schema_tables"):
        raise WarehouseRefused(f"{where}: is a DuckDB file of another program; move it away")


def apply(connection: duckdb.DuckDBPyConnection) -> list[str]:
    """Bring an open warehouse up to date; returns the names of what was applied.

    `views` among them stands for macros, views and comments, made anew from their files.
    """
    before = version(connection)
    applied = []
    for script in scripts():
        if script.number > before:
            _apply_one(connection, script)
            applied.append(script.name)
    if applied or definitions.stored(connection) != definitions.fingerprint():
        definitions.define(connection)
        applied.append("views")
    return applied


def _apply_one(connection: duckdb.DuckDBPyConnection, script: Script) -> None:
    connection.begin()
    try:
        connection.execute(script.sql)
        connection.execute(
            "insert into schema_migration values (?, ?, now()::timestamp)",
            [script.number, script.name],
        )
        connection.commit()
    except BaseException:
        connection.rollback()
        raise


def migrate(home: Path) -> list[str]:
    """Create the warehouse of `home`, or bring a copy of it up to date and rename it over.

    Macros, views and comments are made anew whether they changed or not. Returns the names of
    what was applied; raises WarehouseRefused for a newer schema.
    """
    with locked(home), Rewrite(home) as rewrite:
        refuse_other(rewrite.connection, file.path(home))
        applied = apply(rewrite.connection)
        if "views" not in applied:
            definitions.define(rewrite.connection)
            applied.append("views")
        rewrite.put()
    return applied


def bring_up(home: Path) -> list[str]:
    """Migrate the warehouse of `home` where it is older than this code; do nothing elsewhere.

    For commands that write anyway; those that only read leave the file alone and say what to run.
    """
    where = file.path(home)
    if not where.is_file():
        return []
    connection = file.attach(where, read_only=True)
    try:
        refuse_other(connection, where)
        current = (
            version(connection) == VERSION
            and definitions.stored(connection) == definitions.fingerprint()
        )
    finally:
        connection.close()
    return [] if current else migrate(home)
