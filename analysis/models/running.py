"""How an analysis in Python is answered: SQL reads, Python computes, SQL says it.

`models/<name>.py` has the header of every analysis behind `# ` and one function,
`compute(read, values) -> pyarrow.Table`: what was computed, with the keys of its rows.
`read("x")` gives the columns of `models/x.sql` as numpy arrays; `values` are the parameters.
`models/<name>.sql` then makes the answer of the relation `computed`: it joins labels and what is
incomplete, and orders; what was read is there too, under its name. A query there gets those of the
analysis' parameters that it names.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import duckdb

if TYPE_CHECKING:
    import numpy.typing as npt

    from analysis.catalog import Analysis

    Columns = dict[str, npt.NDArray[Any]]
    """A table by column, one array of the same length each; a null number is NaN."""
    Read = Callable[[str], Columns]
    """Gives the answer of `models/<name>.sql`."""

Values = Mapping[str, Any]
"""The analysis' parameters by name, checked and cast."""
COMPUTED = "computed"
"""The relation in which `models/<name>.sql` finds what `compute` returned."""


def answer(
    connection: duckdb.DuckDBPyConnection, analysis: Analysis, values: Values
) -> duckdb.DuckDBPyRelation:
    """Return the computed answer of an analysis in Python: the columns of its header, ordered."""
    module = importlib.import_module(f"analysis.models.{analysis.name}")
    with ExitStack() as stack:

        def register(name: str, table: Any) -> None:
            connection.register(name, table)
            stack.callback(connection.unregister, name)

        def read(name: str) -> Columns:
            table = _query(connection, name, values).to_arrow_table()
            register(name, table)
            found = connection.table(name).fetchnumpy()
            return {column: _plain(array) for column, array in found.items()}

        register(COMPUTED, module.compute(read, values))
        return _query(connection, analysis.name, values).materialize()


def _plain(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return a column without its mask: a null number is NaN, a null text None."""
    import numpy as np

    mask: npt.NDArray[Any] = np.ma.getmaskarray(array)
    whole: npt.NDArray[Any] = np.ma.getdata(array)
    if not mask.any():
        return whole
    if whole.dtype.kind in "biuf":
        return np.where(mask, np.nan, whole.astype(float))
    texts = whole.astype(object)
    texts[mask] = None
    return texts


def _query(
    connection: duckdb.DuckDBPyConnection, name: str, values: Values
) -> duckdb.DuckDBPyRelation:
    """Put `models/<name>.sql` with those of the parameters that it names."""
    sql = (files("analysis.models") / f"{name}.sql").read_text("utf-8")
    (statement,) = connection.extract_statements(sql)
    named = {key: value for key, value in values.items() if key in statement.named_parameters}
    return connection.sql(sql, params=named)
