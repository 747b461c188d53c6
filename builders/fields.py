"""The values of one row: texts, label confidence, and the columns that have no meaning here."""

from __future__ import annotations

import json
import math
import re
from typing import Any

from specs.schema import Fields

from .sources import Row


class RowFault(Exception):
    """What is wrong with one row: a reason that is counted, and a line for its writer."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason, self.detail = reason, detail


def text(row: Row, column: str, cut: list[re.Pattern[str]]) -> str:
    """Return a column's text with every match of `cut` removed, stripped; empty where absent."""
    value = row.get(column)
    if value is None:
        value = ""
    if not isinstance(value, str):
        shown = json.dumps(value, default=str)
        raise RowFault("not text", f"{column} is {shown}, no text; write it in quotes")
    for pattern in cut:
        value = pattern.sub("", value)
    return value.strip()


def labelled(row: Row, fields: Fields, cut: list[re.Pattern[str]]) -> tuple[list[str], list[bool]]:
    """Return the option texts of a row that lists them, and which of them shows the concept."""
    options, labels = (_at(row, str(path)) for path in (fields.options, fields.labels))
    if not isinstance(options, list) or not isinstance(labels, list):
        raise RowFault("no list of options", f"{fields.options} and {fields.labels} need two lists")
    if len(options) != len(labels):
        raise RowFault("options and labels", f"has {len(options)} options, {len(labels)} labels")
    if sorted(labels) != [0] * (len(labels) - 1) + [1]:
        raise RowFault("options and labels", f"the labels are {labels}; needs one 1, the others 0")
    texts = [text({"option": option}, "option", cut) for option in options]
    if not all(texts):
        raise RowFault("empty option", "an option is empty; write it or delete the row")
    return texts, [bool(label) for label in labels]


def _at(row: Row, path: str) -> Any:
    """Return the value of a column, or of a key of it: `column.key`; null where there is none."""
    column, _, key = path.partition(".")
    value = row.get(column)
    return value.get(key) if key and isinstance(value, dict) else None if key else value


def confidence(value: Any, column: str) -> float | None:
    """Return a label confidence; null where there is none."""
    if value is None or value == "":
        return None
    try:
        number = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not 0 <= number <= 1:
        raise RowFault(
            "label confidence", f"{column} is {value!r}; needs a number between 0 and 1, or nothing"
        )
    return number


def others(row: Row, mapped: set[str]) -> dict[str, Any]:
    """Return the unmapped columns as values that JSON can hold: dates as text, NaN as null."""
    other = {key: value for key, value in row.items() if key not in mapped}
    plain: dict[str, Any] = json.loads(json.dumps(other, default=str), parse_constant=_no_number)
    return plain


def _no_number(_: str) -> None:
    return None
