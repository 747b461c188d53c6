"""One staged file into an open warehouse: what replaces, what stays, what is refused."""

from __future__ import annotations

from pathlib import Path

import duckdb

from warehouse.faults import WarehouseRefused
from warehouse.file import first_line, literal
from warehouse.relations import FIRST_WINS, GRAIN, KEYS

_FINITE = {
    "measurement": ("logit_diff", "item_id"),
    "baseline": ("logit_diff", "item_id"),
    "damage": ("kl", "text_id"),
}
"""Relation -> column that must be finite, and what a row is called by."""


def take(
    connection: duckdb.DuckDBPyConnection, staged: Path, *, replacing: bool = False
) -> dict[str, int]:
    """Take in one staged file as one transaction; returns the rows inserted per relation.

    Rows of FIRST_WINS relations enter where their key is absent, the others (`baseline` too when
    `replacing`) replace what has their key. Raises WarehouseRefused with the reason, and changes
    nothing, where the file is no staged file, has relations or columns that the schema lacks, holds
    a row twice, or a logit difference that is not finite.
    """
    first_wins = FIRST_WINS - {"baseline"} if replacing else FIRST_WINS
    connection.begin()
    try:
        rows = {
            relation: _take_relation(connection, staged, relation, first_wins)
            for relation in _relations(connection, staged)
        }
        connection.commit()
    except duckdb.Error as error:
        connection.rollback()
        raise WarehouseRefused(first_line(error)) from error
    except BaseException:
        connection.rollback()
        raise
    return rows


def _relations(connection: duckdb.DuckDBPyConnection, staged: Path) -> list[str]:
    described = connection.execute(f"describe from read_parquet({literal(staged)})").fetchall()
    relations = [str(row[0]) for row in described]
    unknown = sorted(set(relations) - set(KEYS))
    if unknown:
        raise WarehouseRefused(f"holds {', '.join(unknown)}, which this steerhouse does not know")
    return relations


def _take_relation(
    connection: duckdb.DuckDBPyConnection, staged: Path, relation: str, first_wins: frozenset[str]
) -> int:
    connection.execute(
        "create or replace temp table incoming as"
        f' select unnest("{relation}") from read_parquet({literal(staged)})'
        f' where "{relation}" is not null'
    )
    _refuse_not_finite(connection, relation)
    if relation in first_wins:
        return _insert(connection, relation, _first_absent(relation))
    _refuse_repeated(connection, relation)
    connection.execute(f'delete from "{relation}" using incoming where {_same(relation)}')
    return _insert(connection, relation, "from incoming")


def _insert(connection: duckdb.DuckDBPyConnection, relation: str, rows: str) -> int:
    inserted = connection.execute(f'insert into "{relation}" by name {rows}').fetchall()
    return int(inserted[0][0])


def _first_absent(relation: str) -> str:
    return (
        f'from incoming anti join "{relation}" on {_same(relation)}'
        f" qualify row_number() over (partition by {_columns(KEYS[relation])}) = 1"
    )


def _same(relation: str) -> str:
    """Return the condition on the key; planted truths of a concept as a whole have no layer."""
    return " and ".join(
        f'"{relation}"."{key}" is not distinct from incoming."{key}"'
        if (relation, key) == ("planted", "layer")
        else f'"{relation}"."{key}" = incoming."{key}"'
        for key in KEYS[relation]
    )


def _columns(names: tuple[str, ...]) -> str:
    return ", ".join(f'"{name}"' for name in names)


def _refuse_not_finite(connection: duckdb.DuckDBPyConnection, relation: str) -> None:
    if relation not in _FINITE:
        return
    column, name = _FINITE[relation]
    found = connection.execute(
        f"select count(*), min({name}) from incoming where not isfinite({column})"
    ).fetchall()
    if found[0][0]:
        raise WarehouseRefused(
            f"{relation}.{column} is not finite in {found[0][0]} rows, "
            f"{name.removesuffix('_id')} {found[0][1]} first"
        )


def _refuse_repeated(connection: duckdb.DuckDBPyConnection, relation: str) -> None:
    found = connection.execute(
        f"select count(*) from (select 1 from incoming group by {_columns(GRAIN[relation])}"
        " having count(*) > 1)"
    ).fetchall()
    if found[0][0]:
        raise WarehouseRefused(f"{relation} holds {found[0][0]} rows more than once")
