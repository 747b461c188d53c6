"""Put a question to a warehouse."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import duckdb

from analysis.catalog import Analysis, checks, get
from analysis.models import running as models
from analysis.parameters import Given, bound, refuse_unknown_names


class Checked(NamedTuple):
    """What one data check found."""

    analysis: Analysis
    n_rows: int
    """Rows that should not be there; 0 when all is well."""


def answer(
    connection: duckdb.DuckDBPyConnection, name: str, given: Given | None = None
) -> duckdb.DuckDBPyRelation:
    """Return the answer of the analysis `name`, computed: the columns of its header, ordered.

    Raises WarehouseRefused for an unknown analysis, for parameters that are unknown, missing or not
    of their type, and for a filter that fits no name.
    """
    analysis = get(name)
    values = bound(connection, analysis, given or {})
    refuse_unknown_names(connection, values)
    if analysis.is_model:
        return models.answer(connection, analysis, values)
    return connection.sql(analysis.sql, params=values).materialize()


def check(connection: duckdb.DuckDBPyConnection) -> Iterator[Checked]:
    """Yield the outcome of every data check, in the order of their names."""
    for analysis in checks():
        counted = f"select count(*) from ({analysis.sql})"
        ((n_rows,),) = connection.execute(counted).fetchall()
        yield Checked(analysis, n_rows)
