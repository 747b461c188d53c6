"""The values of one row: texts, label confidence, and the columns that have no meaning here."""

from __future__ import annotations

import json
import math
import re
from typing import Any

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
