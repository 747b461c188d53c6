"""What of an import is new, what is there already, and what disagrees with it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

SAME = 1e-4
"""Logits up to which a measurement is the one that is there: other libraries' logarithms."""


class Compared(NamedTuple):
    """Incoming rows of a relation, beside those of the warehouse."""

    fresh: pa.Table
    """Rows whose key is not there."""
    other: pa.Table
    """Rows that disagree with the one that is there."""
    largest: float
    """The largest difference among them, in logits."""


def compared(
    connection: duckdb.DuckDBPyConnection, query: str, incoming: pa.Table, tolerance: float
) -> Compared:
    """Return the rows of `incoming` that the warehouse lacks, and those that disagree with it."""
    import pyarrow.compute as pc

    from warehouse import queries

    connection.register("incoming", incoming)
    rows = connection.sql(queries.text(query)).to_arrow_table()
    connection.unregister("incoming")
    difference = rows["difference"]
    fresh = rows.filter(pc.is_null(difference)).drop_columns(["difference"])
    other = rows.filter(pc.fill_null(pc.greater(difference, tolerance), False))
    largest = pc.max(other["difference"]).as_py() or 0.0
    return Compared(fresh, other.drop_columns(["difference"]), largest)


def cells(connection: duckdb.DuckDBPyConnection, incoming: pa.Table, execution_id: str) -> pa.Table:
    """Return the rows of `cell` that go with measurements that will be taken in, as one block."""
    import pyarrow as pa

    from warehouse import queries
    from warehouse.relations import arrow_fitted

    connection.register("incoming", incoming)
    counted = connection.sql(queries.text("counted_cells")).to_arrow_table()
    connection.unregister("incoming")
    n = counted.num_rows
    whole = {
        "split": pa.repeat("test", n),
        "block": pa.repeat(0, n),
        "execution_id": pa.repeat(execution_id, n),
    }
    for name, column in whole.items():
        counted = counted.append_column(name, column)
    return arrow_fitted("cell", counted)


def asked(connection: duckdb.DuckDBPyConnection, rows: pa.Table) -> pa.Table:
    """Return `rows` of experiment_run with those that the same experiments hold already.

    They are replaced whole; a second folder under the same label adds to the first.
    """
    from warehouse import queries
    from warehouse.relations import arrow_fitted

    connection.register("incoming", rows)
    both = connection.sql(queries.text("joined_experiments")).to_arrow_table()
    connection.unregister("incoming")
    return arrow_fitted("experiment_run", both)


def opened(home: Path) -> duckdb.DuckDBPyConnection:
    """Open the warehouse of `home` read-only, or an empty one where there is none yet."""
    import duckdb

    from warehouse import file, migrate
    from warehouse.connect import connect

    if file.path(home).is_file():
        return connect(home)
    empty = duckdb.connect()
    migrate.apply(empty)
    return empty


def any_new(connection: duckdb.DuckDBPyConnection, relations: Mapping[str, pa.Table]) -> bool:
    """Return whether any row of `relations` is not in the warehouse as it stands."""
    for name, rows in relations.items():
        connection.register("incoming", rows)
        found = connection.execute(f'from incoming except from "{name}" limit 1').fetchall()
        connection.unregister("incoming")
        if found:
            return True
    return False
