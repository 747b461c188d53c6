"""What is derived and can always be made anew from files: macros, views, comments."""

from __future__ import annotations

import csv
import hashlib
import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from graphlib import TopologicalSorter
from importlib.resources import files

import duckdb

from warehouse.file import literal
from warehouse.queries import rows


@lru_cache(maxsize=1)
def sources() -> tuple[tuple[str, str], ...]:
    """Return (name, SQL) of every file, in the order in which they are run."""
    macros, comments = _folder("macros"), _folder("comments")
    return (*((name, macros[name]) for name in _order(macros)), *_views(), *comments.items())


def _folder(name: str) -> dict[str, str]:
    entries = sorted((files("warehouse") / name).iterdir(), key=lambda entry: entry.name)
    return {
        f"{name}/{entry.name}": entry.read_text("utf-8")
        for entry in entries
        if entry.name.endswith(".sql")
    }


def _order(macros: dict[str, str]) -> Iterable[str]:
    """Return the macro files, each after those whose macros it calls: DuckDB binds them at once."""
    defines = {name: re.findall(r"\bmacro\s+(\w+)\s*\(", sql) for name, sql in macros.items()}
    calls = {
        name: [
            other
            for other, made in defines.items()
            if other != name and any(re.search(rf"\b{macro}\s*\(", sql) for macro in made)
        ]
        for name, sql in macros.items()
    }
    return TopologicalSorter(calls).static_order()


def _views() -> Iterator[tuple[str, str]]:
    for name in in_order():
        entry = files("warehouse") / "views" / f"{name}.sql"
        yield f"views/{name}.sql", entry.read_text("utf-8")


def in_order() -> list[str]:
    """Return the files of views/, each after those it reads from (`views/order.txt`).

    Each makes the view of its name, or the table macro (a view with parameters).
    """
    return (files("warehouse") / "views" / "order.txt").read_text("utf-8").split()


def view_names() -> list[str]:
    """Return the views."""
    made = dict(_views())
    return [name for name in in_order() if f"create view {name} as" in made[f"views/{name}.sql"]]


@lru_cache(maxsize=1)
def glossary() -> dict[str, str]:
    """Return what a column of that name means wherever nothing more precise is said."""
    text = (files("warehouse") / "comments" / "columns.csv").read_text("utf-8")
    return {line["column"]: line["meaning"] for line in csv.DictReader(text.splitlines())}


@lru_cache(maxsize=1)
def fingerprint() -> str:
    """Return the SHA-256 of all of it; a warehouse holds that of the code that defined it."""
    return hashlib.sha256(repr((sources(), sorted(glossary().items()))).encode()).hexdigest()


def stored(connection: duckdb.DuckDBPyConnection) -> str | None:
    """Return the fingerprint that the warehouse was defined with."""
    rows = connection.execute("select sha256 from schema_definition").fetchall()
    return str(rows[-1][0]) if rows else None


def define(connection: duckdb.DuckDBPyConnection) -> None:
    """Drop every macro and view of the warehouse and make them anew, as one step."""
    connection.begin()
    try:
        _drop(connection)
        for _, sql in sources():
            connection.execute(sql)
        _comment(connection)
        connection.execute("delete from schema_definition")
        connection.execute(
            "insert into schema_definition values (?, now()::timestamp)", [fingerprint()]
        )
        connection.commit()
    except BaseException:
        connection.rollback()
        raise


def _drop(connection: duckdb.DuckDBPyConnection) -> None:
    for kind, name in rows(connection, "derived"):
        connection.execute(f'drop {kind} "{name}"')


def _comment(connection: duckdb.DuckDBPyConnection) -> None:
    for relation, column in rows(connection, "silent_columns"):
        if column in glossary():
            meaning = literal(glossary()[column])
            connection.execute(f'comment on column "{relation}"."{column}" is {meaning}')
