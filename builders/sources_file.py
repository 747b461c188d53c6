"""Rows of csv, tsv, json, jsonl and parquet files, every value as it was written.

csv, tsv and parquet go through DuckDB's readers. JSON goes through the standard library: DuckDB's
reader turns strings that look like dates into dates and fills absent keys with nulls.
"""

from __future__ import annotations

import csv
import glob
import json
import re
from pathlib import Path
from typing import Any

from specs.faults import Refused

Row = dict[str, Any]
READERS = Path(__file__).parent / "readers"
DELIMITERS = {".csv": ",", ".tsv": "\t"}
READABLE = "csv, tsv, json, jsonl, parquet"


def read_columns(path: Path) -> tuple[list[Row], list[str]]:
    """Return all rows of a file in its order and the names of its columns."""
    suffix = path.suffix.lower()
    if suffix in DELIMITERS:
        return _delimited(path, DELIMITERS[suffix])
    if suffix == ".parquet":
        return _duckdb("parquet", path)
    if suffix in (".json", ".jsonl"):
        rows = _json(path) if suffix == ".json" else _json_lines(path)
        return rows, list(dict.fromkeys(key for row in rows for key in row))
    raise Refused(f"{path}: its ending {suffix!r} is not readable; use one of {READABLE}")


def _delimited(path: Path, delimiter: str) -> tuple[list[Row], list[str]]:
    with path.open(encoding="utf-8-sig", newline="", errors="replace") as file:
        header = next(csv.reader(file, delimiter=delimiter), [])
    if not header:
        raise Refused(f"{path}: the file is empty; its first line must name the columns")
    twice = sorted({name for name in header if header.count(name) > 1})
    if twice:
        raise Refused(
            f"{path}:1: column {twice[0]!r} stands twice; every column needs its own name"
        )
    columns = dict.fromkeys(header, "VARCHAR")
    return _duckdb("csv", path, columns=columns, delimiter=delimiter)


def _duckdb(reader: str, path: Path, **parameters: Any) -> tuple[list[Row], list[str]]:
    import duckdb

    query = (READERS / f"{reader}.sql").read_text(encoding="utf-8")
    # glob.escape: DuckDB reads a path as a pattern.
    bound = {"path": glob.escape(str(path)), **parameters}
    with duckdb.connect(":memory:", config={"threads": 1}) as connection:
        try:
            cursor = connection.execute(query, bound)
            columns = [column[0] for column in cursor.description]
            return [dict(zip(columns, row, strict=True)) for row in cursor.fetchall()], columns
        except duckdb.Error as error:
            remedy = CSV_REMEDY if path.suffix.lower() in (".csv", ".tsv") else ""
            raise Refused(f"{path}: {_short(str(error))}{remedy}") from None


CSV_REMEDY = "; text that holds a separator stands in double quotes"


def _short(message: str) -> str:
    """Return DuckDB's message without its class, its query and its advice for programmers."""
    body = re.split(r"\n\s*(?:Possible |file = |LINE \d)", message, maxsplit=1)[0]
    return " ".join(body.split()).split("Error: ", 1)[-1].rstrip(". ")


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise Refused(f"{path}:{line}: not UTF-8; save the file as UTF-8") from None


def _json(path: Path) -> list[Row]:
    try:
        rows = json.loads(_text(path))
    except json.JSONDecodeError as error:
        raise Refused(f"{path}:{error.lineno}:{error.colno}: not JSON: {error.msg}") from None
    if not isinstance(rows, list):
        raise Refused(f"{path}: holds a JSON {_kind(rows)}; needs an array of objects")
    return [_object(row, f"{path}:row {number}") for number, row in enumerate(rows, 1)]


def _json_lines(path: Path) -> list[Row]:
    rows = []
    for number, line in enumerate(_text(path).split("\n"), 1):
        if not line.strip():
            continue
        try:
            rows.append(_object(json.loads(line), f"{path}:{number}"))
        except json.JSONDecodeError as error:
            raise Refused(f"{path}:{number}:{error.colno}: not JSON: {error.msg}") from None
    return rows


def _object(value: Any, where: str) -> Row:
    if not isinstance(value, dict):
        raise Refused(f"{where}: holds a JSON {_kind(value)}; needs an object, {{...}}")
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        half = error.object[error.start].encode("unicode_escape").decode()
        raise Refused(f"{where}: holds {half}, half of a character; write the whole one") from None
    return value


def _kind(value: Any) -> str:
    names = {dict: "object", list: "array", str: "string", bool: "boolean", type(None): "null"}
    return names.get(type(value), "number")
