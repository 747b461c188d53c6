"""A few of the simulated tables in every run of the tests; all of them are `slow`."""

from __future__ import annotations

import numpy as np
import pytest

from tests.analysis import coverage_bias
from tests.analysis.bias_models import INTERIOR, NULL
from tests.analysis.coverage_bias import Row


def margin(share: float, n: int) -> float:
    """Return four standard errors of a share of n tables."""
    return float(4 * np.sqrt(share * (1 - share) / n))


def test_intervals_hold_the_truth_and_nulls_are_kept() -> None:
    for row in coverage_bias.of_model(INTERIOR[0], 200):
        assert row.stated > 0.95, row
        assert row.covered == pytest.approx(0.95, abs=margin(0.95, 200)), row
    for row in coverage_bias.of_model(NULL[1], 200):
        if row.truth in (0, 1):
            assert row.refused < 0.05 + margin(0.05, 200), row


@pytest.mark.slow
def test_two_thousand_tables_of_every_kind() -> None:
    found = list(coverage_bias.every(2000))
    interior = {model.name for model in INTERIOR}
    for row in found:
        if row.tables in interior:
            assert _covers(row), row
        if row.truth == 0 and "unexplained" not in row.metric and not np.isnan(row.refused):
            assert row.refused <= 0.05 + margin(0.05, 2000), row


def _covers(row: Row) -> bool:
    """Return whether a row is within the bounds: 93.5 to 96.5 %, fractions from 94 % on."""
    if row.metric == "letter_led" or row.metric.endswith("chosen"):
        return row.covered >= 0.94
    return 0.935 <= row.covered <= 0.965
