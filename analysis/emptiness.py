"""Why an answer is empty: what the filters match, and what is there to be asked for instead."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from analysis import slopeless
from warehouse import queries

if TYPE_CHECKING:
    import duckdb

    from analysis.catalog import Analysis

FILTERS = ("experiment", "model", "concept", "method")
CHOICES = ("role", "split", "layer")
"""Parameters that leave rows out, beside the filters."""

TEXTS = "damage"
"""Topic of the analyses that ask about runs on texts too."""

Filters = dict[str, list[str] | None]


def filters_of(given: Mapping[str, Any]) -> Filters:
    """Return the filters among parameters as a user typed them; null for what was not given."""
    return {name: list(given.get(name) or ()) or None for name in FILTERS}


def hint(
    connection: duckdb.DuckDBPyConnection, analysis: Analysis, given: Mapping[str, Any]
) -> str:
    """Return one line for an answer without rows; `given` are the values as a user typed them."""
    filters = filters_of(given)
    if not set(FILTERS) <= {parameter.name for parameter in analysis.parameters}:
        return "no row: `steerhouse status` says what ran"
    texts = analysis.topic == TEXTS
    matching = queries.rows(connection, "matching_runs", **filters, texts=texts)
    if not matching:
        return f"no row: {_no_run(connection, filters, texts)}"
    asked = {p.name: given.get(p.name) or p.default for p in analysis.parameters}
    unset = {"split": (None, "null"), "layer": (None, "null")}
    chosen = [f"{k} {asked[k]}" for k in CHOICES if asked.get(k) not in unset.get(k, (None,))]
    for_what = f" for {', '.join(chosen)}" if chosen else ""
    there = "; ".join(_there(*row[:4]) for row in matching)
    return (
        f"no row{for_what}: "
        f"{_typed(filters) or 'what is there'} matches {matching[0][-1]} run(s): {there}"
        + _instead(asked, *matching[0][:2])
        + slopeless.reason(connection, analysis, filters)
        + (_no_texts(connection, filters) if texts else "")
    )


def _instead(asked: Mapping[str, Any], role: str, split: str | None) -> str:
    """Return the parameters that ask for what is there, where role or split leave it out."""
    there = {"role": role, "split": split}
    other = [f"--param {k}={v}" for k, v in there.items() if k in asked and v and asked[k] != v]
    return f"; {' '.join(other)} asks for them" if other else ""


def _no_texts(connection: duckdb.DuckDBPyConnection, filters: Filters) -> str:
    """Say how damage is measured, where it was of no vector of the runs that `filters` match."""
    ((n_runs,),) = queries.rows(connection, "text_runs", **filters)
    if n_runs:
        return ""
    return (
        "; no text set was measured: `text_sets: [neutral]` in the experiment (`steerhouse run "
        "--text-set neutral`) measures what their vectors do to its texts"
    )


def _no_run(connection: duckdb.DuckDBPyConnection, filters: Filters, texts: bool) -> str:
    """Say how many runs each filter matches alone, where none is matched by all of them."""
    alone = []
    for name, patterns in filters.items():
        if patterns:
            only: Filters = {other: patterns if other == name else None for other in FILTERS}
            matching = queries.rows(connection, "matching_runs", **only, texts=texts)
            count = matching[0][-1] if matching else 0
            alone.append(f"{_typed({name: patterns})} matches {count}")
    if not alone:
        return "nothing was run yet; `steerhouse run quickstart` is a first run"
    return f"no run is matched by all filters at once; alone, {', '.join(alone)}"


def _typed(filters: Mapping[str, Sequence[str] | None]) -> str:
    """Return filters as a user types them."""
    return " ".join(f"--{name} {word}" for name, words in filters.items() for word in words or ())


def _there(role: str, split: str | None, n_runs: int, layers: Sequence[int]) -> str:
    """Say what of one role and split is there."""
    where = f"on {split} at layer {ranges(layers)}" if split else "with nothing measured"
    return f"{n_runs} of role {role} {where}"


def ranges(numbers: Sequence[int]) -> str:
    """Return ascending whole numbers as text such as `0-3,7`."""
    spans: list[list[int]] = []
    for number in numbers:
        if spans and number == spans[-1][-1] + 1:
            spans[-1] = [spans[-1][0], number]
        else:
            spans.append([number])
    return ",".join("-".join(map(str, span)) for span in spans)
