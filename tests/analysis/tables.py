"""Simulated slopes, item by item, as a warehouse: every curve is a straight line.

`fill(connection, **columns)` takes one array (or one value) for each column, a row per slope; whatever
is not named has the value in DEFAULTS. Ids are made of these words: item concept/question/item,
vector model|fit_concept|fit_variant|method|number, run vector>concept/variant.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

from tests.empty_warehouse import place

STATEMENTS = Path(__file__).with_name("tables.sql").read_text(encoding="utf-8")

DEFAULTS: dict[str, Any] = {
    "model": "m",
    "concept": "c",
    "variant": "base",
    "evaluation": pa.scalar(None, pa.string()),  # a name where one variant is evaluated anew
    "fit_concept": pa.scalar(None, pa.string()),  # the concept itself
    "fit_variant": "base",
    "method": "mean_difference",
    "role": pa.scalar(None, pa.string()),  # null for random and label_shuffled, fitted for others
    "number": "",  # of a null or a resample; several fitted runs bear numbers too
    "layer": 0,
    "question": 0,
    "item": 0,
    "positive_option": 0,
    "option_order": "original",
    "positive_answer": pa.scalar(None, pa.string()),
    "extra": 0,  # how many characters longer the positive option is
    "label_confidence": pa.scalar(None, pa.float64()),
    "in_train": False,
    "answer_format": "letter",
    "baseline": 0.0,
    "logmass": -0.1,
    "unsteered_logmass": -0.1,
    "prompt_tokens": 50,
}


def fill(
    connection: duckdb.DuckDBPyConnection,
    multipliers: Sequence[float] = (-1.0, 1.0),
    **columns: Any,
) -> None:
    """Write a run for every (model, concept, variant, evaluation, fit, method, number)."""
    n = len(columns["slope"])
    whole = {name: _column(values, n) for name, values in {**DEFAULTS, **columns}.items()}
    given = pa.table(whole)  # noqa: F841, DuckDB reads both by name
    grid = pa.table({"multiplier": multipliers})  # noqa: F841
    connection.execute(STATEMENTS)


def _column(values: Any, n: int) -> pa.Array:
    if isinstance(values, pa.Array | pa.ChunkedArray):
        return values
    if isinstance(values, pa.Scalar) or not np.ndim(values):
        return pa.repeat(values, n)
    return pa.array(values if isinstance(values, np.ndarray) else list(values))


def words(prefix: str, numbers: np.ndarray) -> np.ndarray:
    """Return names such as c0, c1, ..., one for each number."""
    return np.char.add(prefix, np.asarray(numbers).astype(str))


@contextmanager
def warehouse() -> Iterator[duckdb.DuckDBPyConnection]:
    """Yield a new, empty warehouse."""
    with (
        tempfile.TemporaryDirectory() as folder,
        duckdb.connect(str(place(Path(folder)))) as connection,
    ):
        yield connection
