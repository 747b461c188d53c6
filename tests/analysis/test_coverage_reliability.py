from __future__ import annotations

import pytest

from tests.analysis.coverage_reliability import METRICS, MISSES, rows

QUICK = ("steerability", "sign_stability", "suspects")


@pytest.mark.parametrize("metric", QUICK)
def test_intervals_hold_the_truth_as_often_as_they_say(metric: str) -> None:
    for row in rows(120, only=metric):
        assert row.holds(120), str(row)


@pytest.mark.slow
@pytest.mark.parametrize("metric", [metric.__name__ for metric in METRICS])
def test_intervals_of_two_thousand_tables(metric: str) -> None:
    for row in rows(2000, only=metric):
        # What is known to miss stands by name: an interval that mends it takes it out.
        assert row.holds(2000) == (row.case not in MISSES), str(row)
