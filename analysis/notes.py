"""What a reader of an answer should know beside it: lines for stderr."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from analysis.emptiness import FILTERS, filters_of, hint

if TYPE_CHECKING:
    import duckdb

    from analysis.catalog import Analysis

CROSS_FIT = ("best_layer", "verdict")
"""Analyses that report no item at a layer that it chose itself."""
ENOUGH_NULLS = 20
"""Null vectors of a kind that an experiment asks for unless told otherwise."""


def notes(
    connection: duckdb.DuckDBPyConnection,
    analysis: Analysis,
    found: duckdb.DuckDBPyRelation,
    n_shown: int,
    given: Mapping[str, Any],
) -> Iterator[str]:
    """Yield the notes on an answer of which a table shows `n_shown` columns."""
    columns = [column.name for column in analysis.columns]
    ((n_rows,),) = found.aggregate("count(*)").fetchall()
    if not n_rows and analysis.topic == "checks":
        yield "no row: which is well"
    elif not n_rows:
        yield hint(connection, analysis, given)
    elif n_shown < len(columns):
        yield (
            f"{n_shown} of {len(columns)} columns; --wide and other formats give all, "
            f"`steerhouse analyse {analysis.name} --about` what they mean"
        )
    if "complete" in columns and (n := _count(found, "not complete")):
        yield (
            f"{n} of {n_rows} rows are not complete: what was asked is not all there; "
            "`steerhouse analyse missing_measurements` lists it"
        )
    if "reached" in columns and (n := _count(found, "not reached")):
        yield (
            f"in {n} of {n_rows} rows the damage never reaches the level within the multipliers "
            "measured, and nothing can be said there (largest_damage is how far it goes): larger "
            "multipliers (`steerhouse run --multipliers`) or `--param levels=[0.1]` may"
        )
    if {"random_n", "label_shuffled_n"} <= set(columns) and (n := _count(found, _FEW)):
        yield (
            f"{n} of {n_rows} rows have fewer than {ENOUGH_NULLS} null vectors of a kind: p and q "
            "lean on their spread, of which so few give a rough idea only; "
            f"`steerhouse run --nulls {ENOUGH_NULLS}` adds others"
        )
    if n_rows and (left_out := _left_out(connection, analysis, given)):
        yield left_out
    if silence := _silence(connection, analysis, given):
        yield silence
    if flattery := _flattery(connection, analysis, given):
        yield flattery


_FEW = f"least(random_n, label_shuffled_n) < {ENOUGH_NULLS}"
"""`least` leaves nulls out: a row with one kind of null vectors is judged by that one."""


def _count(found: duckdb.DuckDBPyRelation, condition: str) -> int:
    ((count,),) = found.filter(condition).aggregate("count(*)").fetchall()
    return int(count)


def _left_out(
    connection: duckdb.DuckDBPyConnection, analysis: Analysis, given: Mapping[str, Any]
) -> str | None:
    """Return a note on runs without a slope, where an overview of slopes leaves them out."""
    from analysis.slopeless import left_out

    role = next((p.default for p in analysis.parameters if p.name == "role"), None) or "fitted"
    return left_out(connection, analysis, str(given.get("role") or role), filters_of(given))


def _silence(
    connection: duckdb.DuckDBPyConnection, analysis: Analysis, given: Mapping[str, Any]
) -> str | None:
    """Return a warning where the model does not answer, unless that is the question itself."""
    from warehouse.answering import warning

    if analysis.name == "answer_mass" or not set(FILTERS) <= {p.name for p in analysis.parameters}:
        return None
    return warning(connection, **{name: given.get(name) for name in FILTERS})


def _flattery(
    connection: duckdb.DuckDBPyConnection, analysis: Analysis, given: Mapping[str, Any]
) -> str | None:
    """Return a warning where `best` is a layer that the reported items chose themselves."""
    from warehouse.queries import rows

    layer = next((p.default for p in analysis.parameters if p.name == "layer"), None)
    if given.get("layer", layer) != "best" or analysis.name in CROSS_FIT:
        return None
    ((n_runs,),) = rows(connection, "cross_fitted", **filters_of(given))
    if not n_runs:
        return None
    return (
        f"Warning: {n_runs} run(s) have no validation items at their layers, so that the items "
        "reported chose the layer themselves and are too good at it; `steerhouse analyse "
        "best_layer` and `verdict` cross-fit"
    )
