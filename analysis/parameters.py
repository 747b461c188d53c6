"""What an analysis is asked with: the values a user types, checked and cast before the SQL runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

import duckdb

from analysis.catalog import FILTERS, Analysis, Parameter, did_you_mean
from warehouse.faults import WarehouseRefused

Given = Mapping[str, str | Sequence[str] | None]
"""Values by parameter name, as a user types them; a filter takes one name or several."""

RANGES: dict[str, tuple[str, Callable[[Any], bool], str]] = {
    "fraction": ("double", lambda value: 0 < value < 1, "between 0 and 1"),
    "positive": ("double", lambda value: value > 0, "above 0"),
    "layer": (
        "varchar",
        lambda value: value == "best" or (value.isascii() and value.isdigit()),
        "a layer number or `best`",
    ),
    "count": ("integer", lambda value: value >= 1, "a whole number from 1 on"),
}
"""Types of a header beside DuckDB's own and `one|of|these`: DuckDB type, test, test in words."""

PUBLISHED = "published"
"""Type of a parameter that names a file of `analysis/published/`; the SQL gets its path."""


def bound(
    connection: duckdb.DuckDBPyConnection, analysis: Analysis, given: Given
) -> dict[str, Any]:
    """Return the value of every parameter: what is given, or the default, cast to its type.

    Raises WarehouseRefused, a line each, for unknown and missing parameters and for values that
    are not of their type.
    """
    faults = [*_unknown(analysis, given), *_missing(analysis, given)]
    if faults:
        raise WarehouseRefused(*faults)
    return {p.name: _value(connection, p, given.get(p.name)) for p in analysis.parameters}


def _unknown(analysis: Analysis, given: Given) -> list[str]:
    known = [parameter.name for parameter in analysis.parameters]
    takes = f"its parameters: {', '.join(known)}" if known else "it takes none"
    return [
        f"analysis {analysis.name} has no parameter {name!r} ({takes}){did_you_mean(name, known)}"
        for name, value in given.items()
        if name not in known and value
    ]


def _missing(analysis: Analysis, given: Given) -> list[str]:
    return [
        f"analysis {analysis.name} needs {parameter.name} ({parameter.meaning}); "
        f"give it with `--param {parameter.name}=...`"
        for parameter in analysis.parameters
        if parameter.default is None and given.get(parameter.name) is None
    ]


def _value(
    connection: duckdb.DuckDBPyConnection, parameter: Parameter, value: str | Sequence[str] | None
) -> Any:
    if parameter in FILTERS:
        return [value] if isinstance(value, str) else list(value or ()) or None
    text = parameter.default if value is None else str(value)
    if parameter.type == PUBLISHED:
        return _published(parameter, str(text))
    if "|" in parameter.type:
        choices = parameter.type.split("|")
        if text in choices:
            return text
        raise _refusal(parameter, text, f"one of {', '.join(choices)}", choices)
    if text == "null":
        return None
    kind, holds, words = RANGES.get(parameter.type, (parameter.type, lambda value: True, ""))
    try:
        ((cast,),) = connection.execute(f"select ?::{kind}", [text]).fetchall()
    except duckdb.Error:
        raise _refusal(parameter, text, words or f"a {kind}") from None
    if not holds(cast):
        raise _refusal(parameter, text, words)
    return cast


def _published(parameter: Parameter, text: str) -> str:
    """Return the path of a shipped file of published values, or of the user's own like it."""
    shipped = files("analysis") / PUBLISHED
    known = sorted(entry.name.removesuffix(".csv") for entry in shipped.iterdir())
    file = shipped / f"{text}.csv" if text in known else Path(text)
    wanted = _first_line(shipped / f"{parameter.default}.csv")
    if _first_line(file) != wanted:
        allowed = f"a csv file with the columns {wanted}, as {parameter.default} has"
        raise _refusal(parameter, text, allowed, known)
    return str(file)


def _first_line(file: Traversable) -> str:
    """Return a file's first line, empty where it cannot be read."""
    try:
        return (file.read_text("utf-8").splitlines() or [""])[0]
    except (OSError, UnicodeDecodeError):
        return ""


def _refusal(
    parameter: Parameter, text: str | None, allowed: str, choices: Sequence[str] = ()
) -> WarehouseRefused:
    return WarehouseRefused(
        f"--param {parameter.name}={text}: must be {allowed} ({parameter.meaning})"
        f"{did_you_mean(str(text), choices)}"
    )


def refuse_unknown_names(connection: duckdb.DuckDBPyConnection, values: Mapping[str, Any]) -> None:
    """Raise WarehouseRefused, a line each, for names and globs of filters that fit nothing."""
    faults = []
    for kind in (parameter.name for parameter in FILTERS):
        for pattern in values.get(kind) or ():
            if not _names(connection, kind, pattern):
                faults.append(_nothing(kind, pattern, _names(connection, kind, "*")))
    if faults:
        raise WarehouseRefused(*faults)


def _nothing(kind: str, pattern: str, known: Sequence[str]) -> str:
    if pattern.startswith("tag:"):
        return f"--{kind} {pattern}: tags are not in the warehouse; give names or globs"
    shown = f" (it has {', '.join(known[:8])}{', …' * (len(known) > 8)})" if known else ""
    nearest = did_you_mean(pattern, known)
    return f"--{kind} {pattern}: the warehouse has no such {kind}{shown}{nearest}"


def _names(connection: duckdb.DuckDBPyConnection, kind: str, pattern: str) -> list[str]:
    sql = (
        "select distinct experiment from experiment_run where experiment glob ? order by all"
        if kind == "experiment"
        else f"select distinct name from name where kind = '{kind}' and name glob ? order by all"
    )
    return [name for (name,) in connection.execute(sql, [pattern]).fetchall()]
