"""Stated intervals hold the truth as often as they say: 200 tables by default, 2,000 when slow."""

from __future__ import annotations

import pytest
import scipy.stats as st

from tests.analysis.coverage_correlations import correlations
from tests.analysis.coverage_generalisation import PARTS
from tests.analysis.coverage_ratios import RATIOS, ratios
from tests.analysis.coverage_rows import Row
from tests.analysis.coverage_shifts import nulls


def check(row: Row) -> None:
    """Interior truths: what chance allows around 95 %; nulls: around 5 %."""
    n = round(row.tables * row.stated)
    around = 0.05 if row.kind == "null" else 0.95
    low, high = (end / n for end in st.binom.interval(0.999, n, around))
    if row.kind in ("interior", "null"):
        assert low - 0.01 <= row.rate <= high + 0.01, row
    elif row.kind == "fraction":
        assert row.rate >= low - 0.01, row


def test_correlations() -> None:
    for row in correlations(200):
        check(row)


def test_ratios() -> None:
    for row in ratios(100, RATIOS[:2] + RATIOS[-1:]):
        check(row)
        if row.truth is None:  # a denominator of 0 is told from 0 in one table of twenty
            assert row.stated < 0.15


def test_nulls() -> None:
    for row in nulls(100):
        check(row)


@pytest.mark.slow
@pytest.mark.parametrize("part", PARTS)
def test_all_parts(part: str) -> None:
    for row in PARTS[part](2000):
        if row.kind == "interior":
            assert 0.935 <= row.rate <= 0.965, row
        elif row.kind == "fraction":
            assert row.rate >= 0.94, row
        elif row.kind == "null":
            assert row.rate <= 0.07, row
