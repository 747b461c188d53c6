"""One warehouse of many simulated tables, and how often what is said of them holds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import duckdb
import numpy as np

from analysis.run import answer


@dataclass(frozen=True)
class Row:
    metric: str
    case: str
    truth: float | None
    tables: int
    stated: float
    """Share of tables with an interval, or with a p."""
    rate: float
    """Share of these whose interval holds the truth; under a null, whose p is at most .05."""
    kind: str
    """`interior`, `edge`, `fraction` or `null`."""


def asked(connection: duckdb.DuckDBPyConnection, name: str, **given: str) -> dict[str, np.ndarray]:
    """Return the columns of an analysis; nulls are NaN or None."""
    table = answer(connection, name, given).to_arrow_table()
    return {name: np.array(table[name].to_pylist()) for name in table.column_names}


def covered(low: Any, high: Any, truth: Any) -> tuple[float, float]:
    """Return the share of rows that have an interval, and of these the share that hold the truth."""
    low, high = np.asarray(low, float), np.asarray(high, float)
    there = np.isfinite(low) & np.isfinite(high)
    holds = (low <= truth) & (truth <= high)
    return float(there.mean()), float(holds[there].mean()) if there.any() else np.nan


def rejected(p: Any) -> tuple[float, float]:
    p = np.asarray(p, float)
    return float(np.isfinite(p).mean()), float((p[np.isfinite(p)] <= 0.05).mean())
