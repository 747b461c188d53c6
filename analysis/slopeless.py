"""What a reader of slopes should know of runs that have none, and the other way round."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from warehouse import queries

if TYPE_CHECKING:
    import duckdb

    from analysis.catalog import Analysis

EFFECTS = "effects"
"""The analysis of operators without a slope."""
OVERVIEWS = ("steerability", "verdict")
"""Analyses a reader takes for a list of all runs: what is not in them is said."""


def reason(
    connection: duckdb.DuckDBPyConnection, analysis: Analysis, filters: Mapping[str, Any]
) -> str:
    """Return why all runs of `filters` are strange to an analysis without rows; empty elsewhere."""
    n_slopeless, operators, n_matched = _slopeless(connection, None, filters)
    if analysis.name == EFFECTS and not n_slopeless:
        return "; their operators have slopes: `steerhouse analyse steerability` reports them"
    reads_slopes = analysis.is_model or "slope" in analysis.sql
    if analysis.name != EFFECTS and reads_slopes and n_slopeless == n_matched:
        return (
            f"; operator {', '.join(operators)} has no slope: `steerhouse analyse {EFFECTS}` "
            "reports what it does"
        )
    return ""


def left_out(
    connection: duckdb.DuckDBPyConnection, analysis: Analysis, role: str, filters: Mapping[str, Any]
) -> str | None:
    """Return a note on the runs of a role that an overview of slopes leaves out, if any."""
    if analysis.name not in OVERVIEWS:
        return None
    n_slopeless, operators, n_matched = _slopeless(connection, role, filters)
    if not n_slopeless or n_slopeless == n_matched:
        return None
    return (
        f"{n_slopeless} run(s) of operator {', '.join(operators)} have no slope and are not among "
        f"these; `steerhouse analyse {EFFECTS}` reports them"
    )


def _slopeless(
    connection: duckdb.DuckDBPyConnection, role: str | None, filters: Mapping[str, Any]
) -> tuple[int, list[str], int]:
    """Return how many runs on questions have no slope, their operators, and how many runs match."""
    (found,) = queries.rows(connection, "slopeless_runs", role=role, **filters)
    n_slopeless, operators, n_matched = found
    return int(n_slopeless), list(operators or ()), int(n_matched)
