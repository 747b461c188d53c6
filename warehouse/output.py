"""A result as table, csv, json, parquet or markdown, to stdout or into a file."""

from __future__ import annotations

import re
import shutil
import sys
import tempfile
from itertools import zip_longest
from pathlib import Path

import duckdb

from warehouse.faults import WarehouseRefused
from warehouse.file import literal

SCREEN_ROWS = 200
"""Rows of a table on a terminal; a line on stderr says how many there are."""
NULL = "·"
"""What is not there, in table and markdown: a word would look like a value (role `null`)."""

_COPY = {
    "csv": "format csv, header",
    "json": "format json, array true",
    "parquet": "format parquet, compression zstd",
}
_FLOATS = ("FLOAT", "DOUBLE")
_NUMBERS = (*_FLOATS, "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "DECIMAL")


def write(relation: duckdb.DuckDBPyRelation, form: str, out: Path | None = None) -> None:
    """Write `relation` in the format `form` to `out`, or to stdout where it is None.

    csv, json and parquet hold every row and digit. Table and markdown show floats to 6 digits and
    NULL for what is not there; only a table on a terminal is cut, to SCREEN_ROWS, and says so.
    Raises WarehouseRefused for parquet on a terminal, and where `out` can't be written; what the
    query itself gets wrong comes as duckdb.Error.
    """
    if form == "parquet" and out is None and sys.stdout.isatty():
        raise WarehouseRefused("parquet is bytes: give `--out FILE`, or pipe stdout into something")
    try:
        if form in _COPY:
            _write_copy(relation, form, out)
        elif out is not None:
            out.write_text(_text(relation, form), "utf-8")
        elif form == "table" and sys.stdout.isatty():
            _show(relation)
        else:
            sys.stdout.write(_text(relation, form))
            sys.stdout.flush()
    except OSError as error:
        if out is None:
            raise
        raise WarehouseRefused(f"{out}: cannot be written: {error.strerror}") from error


def _write_copy(relation: duckdb.DuckDBPyRelation, form: str, out: Path | None) -> None:
    if form == "json":  # which has neither NaN nor infinity
        relation = _projected(relation, "case when isfinite(#{0}) then #{0} end", "#{0}")
    with tempfile.TemporaryDirectory(dir=out.parent if out else None) as folder:
        file = Path(folder) / "result"
        relation.query("result", f"copy result to {literal(file)} ({_COPY[form]})").fetchall()
        if out is not None:
            file.replace(out)
            return
        with file.open("rb") as source:
            shutil.copyfileobj(source, sys.stdout.buffer)
        sys.stdout.buffer.flush()


def _projected(
    relation: duckdb.DuckDBPyRelation, floats: str, others: str
) -> duckdb.DuckDBPyRelation:
    """Return `relation` with an expression per column, in which `#{0}` is its number."""
    expressions = []
    for number, (name, kind) in enumerate(
        zip(relation.columns, relation.types, strict=True), start=1
    ):
        expression = floats if str(kind) in _FLOATS else others
        quoted = name.replace('"', '""')
        expressions.append(f'{expression.format(number)} as "{quoted}"')
    return relation.project(", ".join(expressions))


def _cells(relation: duckdb.DuckDBPyRelation) -> list[list[str]]:
    """Return the rows as texts: DuckDB writes all but floats, which get 6 digits."""
    shown = _projected(relation, "#{0}", "cast(#{0} as varchar)")
    return [[_cell(value) for value in row] for row in shown.fetchall()]


def _cell(value: str | float | None) -> str:
    if value is None:
        return NULL
    return f"{value:.6g}" if isinstance(value, float) else value


def _right(relation: duckdb.DuckDBPyRelation) -> list[bool]:
    """Return which columns hold numbers and so stand to the right."""
    return [re.sub(r"\(.*\)$", "", str(kind)) in _NUMBERS for kind in relation.types]


def _text(relation: duckdb.DuckDBPyRelation, form: str) -> str:
    lines = _markdown(relation) if form == "markdown" else _aligned(relation)
    return "".join(f"{line}\n" for line in lines)


def _markdown(relation: duckdb.DuckDBPyRelation) -> list[str]:
    head, *body = (
        [cell.replace("|", "\\|").replace("\n", "<br>") for cell in row]
        for row in (relation.columns, *_cells(relation))
    )
    rule = ["---:" if right else "---" for right in _right(relation)]
    return [f"| {' | '.join(row)} |" for row in (head, rule, *body)]


def _aligned(relation: duckdb.DuckDBPyRelation) -> list[str]:
    """Return lines in columns two spaces apart; a cell of several lines takes several."""
    lines = [
        line
        for row in (relation.columns, *_cells(relation))
        for line in zip_longest(*(cell.split("\n") for cell in row), fillvalue="")
    ]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    lines.insert(1, tuple("-" * width for width in widths))
    right = _right(relation)
    return [
        "  ".join(
            cell.rjust(width) if to_right else cell.ljust(width)
            for cell, width, to_right in zip(line, widths, right, strict=True)
        ).rstrip()
        for line in lines
    ]


def _show(relation: duckdb.DuckDBPyRelation) -> None:
    """Print the first rows as a table as wide as it must be: a cell is never cut."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD)
    for name, right in zip(relation.columns, _right(relation), strict=True):
        table.add_column(Text(name), justify="right" if right else "left", no_wrap=True)
    rows = _cells(relation.limit(SCREEN_ROWS + 1))
    for row in rows[:SCREEN_ROWS]:
        table.add_row(*map(Text, row))
    console = Console(file=sys.stdout)
    needed = console.measure(table, options=console.options.update(max_width=100_000)).maximum
    console.width = max(console.width, needed)
    console.print(table)
    if len(rows) > SCREEN_ROWS:
        n = relation.aggregate("count(*)").fetchall()[0][0]
        print(f"{SCREEN_ROWS} of {n} rows shown; --format csv writes all", file=sys.stderr)
