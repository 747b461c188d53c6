"""Intervals of bias_shares: the jackknife over questions, and where none is stated."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats
import statsmodels.api as sm

from tests.analysis.bias_random import found, random_table
from tests.analysis.bias_tables import Table, warehouse
from tests.analysis.conftest import rows


def test_intervals_are_the_jackknife_of_all_but_one_question() -> None:
    """The others of a question's kind count more in its place, by weighted least squares."""
    table = random_table(5, unbalanced=False)
    row = found(table)["sequential", "letter"]
    corners = np.zeros((30, 4))
    np.add.at(corners, (table.question, 2 * table.first + table.yes), 1)
    kinds: dict[tuple[float, ...], list[int]] = {}
    for q in range(30):
        kinds.setdefault(tuple(corners[q]), []).append(q)
    smallest = min((len(own), key) for key, own in kinds.items() if len(own) > 1)[1]
    for key in [key for key, own in kinds.items() if len(own) == 1]:
        kinds[smallest] += kinds.pop(key)
    variance = 0.0
    for own in kinds.values():
        weight = np.ones(30)
        weight[own] = len(own) / (len(own) - 1)
        z = []
        for q in own:
            kept = table.question != q
            side = sm.add_constant(table.first[kept].astype(float))
            fit = sm.WLS(table.slopes[kept, 0], side, weight[table.question[kept]]).fit()
            z.append(np.arctanh(np.sqrt(fit.rsquared)))
        variance += (len(own) - 1) / len(own) * ((np.array(z) - np.mean(z)) ** 2).sum()
    assert row["z_standard_error"] == pytest.approx(np.sqrt(variance), rel=1e-4)
    half = scipy.stats.t.ppf(0.975, np.floor(row["df"])) * np.sqrt(variance)
    middle = np.arctanh(np.sqrt(row["adjusted"]))
    assert row["share_low"] == pytest.approx(np.tanh(max(0, middle - half)) ** 2, rel=1e-3)
    assert row["share_high"] == pytest.approx(np.tanh(middle + half) ** 2, rel=1e-3)


def test_two_items_of_a_letter_have_a_wide_interval() -> None:
    first = np.array([1, 1] + [0] * 8)
    slopes = np.random.default_rng(1).normal(0, 0.3, (10, 1)) + 3 * first[:, None]
    row = found(Table("greed", np.arange(10), first, np.zeros(10, int), slopes))["order_free", "letter"]  # fmt: skip
    assert row["undetermined"] is None
    assert row["p"] < 0.05
    assert row["share_low"] < row["adjusted"] < row["share_high"]


def test_an_interval_stands_only_below_the_level() -> None:
    draw = np.random.default_rng(3)
    question = np.repeat(np.arange(20), 2)
    slopes = draw.normal(0, 1, (20, 40))[question] + draw.normal(0, 1, (40, 40))
    table = Table("null", question, np.tile([1, 0], 20), question % 2, slopes)
    with warehouse([table]) as connection:
        answer = [r for r in rows(connection, "bias_shares") if r["p"] is not None]
    for row in answer:
        assert (row["share_low"] is None) == (row["no_interval"] is not None)
        if row["p"] >= 0.05:
            assert row["no_interval"] == "p is not below 0.05"
    assert any(row["p"] >= 0.05 for row in answer)
