"""Which columns of an answer a table shows, where it does not show all."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import duckdb

    from analysis.catalog import Analysis

NAMED = ("model", "concept", "variant", "method")
"""What tells most runs apart; a table shows them always."""
IDENTITY = (
    "fit_concept",
    "fit_variant",
    "role",
    "seed",
    "resample",
    "norm",
    "operator",
    "scope",
    "split",
    "multiplier_bound",
)
"""What else tells runs apart: shown where an answer has more than one value of it."""


FLAGS = ("degenerate",)
"""What makes a row no answer: shown at the end where it is true of one."""


def brief(analysis: Analysis, found: duckdb.DuckDBPyRelation) -> list[str]:
    """Return the columns of a brief table: those of the header, and what tells these rows apart.

    A further column of IDENTITY comes behind the names where the answer has several values of it,
    null among them; `run_id` too where runs differ in none of these, so that no two look alike; and
    at the end those of FLAGS that some row bears.
    """
    first = [column.name for column in analysis.columns if not column.further]
    further = {column.name for column in analysis.columns if column.further}
    apart = [name for name in IDENTITY if name in further and _values(found, name) > 1]
    if "run_id" in further:
        told = [name for name in (*NAMED, *IDENTITY) if name in found.columns]
        if _values(found, "run_id") > _values(found, *told):
            apart.append("run_id")
    behind = max((first.index(name) + 1 for name in NAMED if name in first), default=0)
    flags = [name for name in FLAGS if name in further and _bears(found, name)]
    return [*first[:behind], *apart, *first[behind:], *flags]


def _values(found: duckdb.DuckDBPyRelation, *names: str) -> int:
    """Return how many combinations of values some columns have, null being a value."""
    columns = ", ".join(f'"{name}"' for name in names)
    ((count,),) = found.aggregate(f"count(distinct row({columns}))").fetchall()
    return int(count)


def _bears(found: duckdb.DuckDBPyRelation, name: str) -> bool:
    """Return whether a column is true in some row."""
    ((count,),) = found.filter(f'"{name}"').aggregate("count(*)").fetchall()
    return bool(count)
