"""Prediction on held-out concepts: arithmetic against plain numpy, and what chance gives."""

from __future__ import annotations

from collections.abc import Iterator

import duckdb
import numpy as np
import pytest
import scipy.stats as st

from analysis.models.held_out import PENALTIES, fit, predictions, ridge_paths, standardised
from analysis.models.predicted_reliability import permuted
from tests.analysis.conftest import rows
from tests.analysis.tables import fill, warehouse, words


@pytest.fixture
def table() -> tuple[np.ndarray, np.ndarray]:
    draw = np.random.default_rng(0)
    x = draw.normal(size=(15, 4)) * [1, 5, 0.1, 2]
    return x, x @ [1.0, 0.1, 0, 0] + draw.normal(size=15)


def solved(x: np.ndarray, y: np.ndarray, penalty: float) -> np.ndarray:
    """Return ridge weights by the normal equations, the intercept not penalised."""
    whole = np.column_stack([np.ones(len(x)), x])
    punished = np.diag([0.0, *[penalty] * x.shape[1]])
    return np.linalg.solve(whole.T @ whole + punished, whole.T @ y)


def test_ridge_is_that_of_the_normal_equations(table: tuple[np.ndarray, np.ndarray]) -> None:
    x, y = standardised(table[0], table[0]), table[1]
    weights, errors = ridge_paths(x, (y - y.mean())[:, None])
    for penalty, found, error in zip(PENALTIES, weights, errors, strict=True):
        np.testing.assert_allclose(found[:, 0], solved(x, y, penalty)[1:], atol=1e-10)
        left_out = []
        for row in range(15):
            rest = np.arange(15) != row
            b = solved(x[rest], y[rest], penalty)
            left_out.append(y[row] - b[0] - x[row] @ b[1:])
        assert error[0] == pytest.approx(np.square(left_out).sum(), rel=1e-9)


def test_a_row_never_sees_itself(table: tuple[np.ndarray, np.ndarray]) -> None:
    x, y = table
    before, mean_before = predictions(x, y[:, None])
    y[3] += 100.0
    after, mean_after = predictions(x, y[:, None])
    assert after[3] == pytest.approx(before[3], abs=1e-12)
    assert mean_after[3] == pytest.approx(mean_before[3], abs=1e-12)
    assert abs(after[4] - before[4]) > 0.1
    other = x[3] * 2 + 1
    moved = x.copy()
    moved[3] = other
    rest = np.arange(15) != 3
    weights, _ = fit(x[rest], y[rest][:, None])
    expected = y[rest].mean() + standardised(other[None], x[rest])[0] @ weights[:, 0]
    assert predictions(moved, y[:, None])[0][3, 0] == pytest.approx(expected)


def test_targets_do_not_mix(table: tuple[np.ndarray, np.ndarray]) -> None:
    x, y = table
    both, _ = predictions(x, np.column_stack([y, y[::-1]]))
    alone, _ = predictions(x, y[::-1][:, None])
    np.testing.assert_allclose(both[:, 1], alone[:, 0])


def test_skill_of_a_law_and_of_nothing() -> None:
    draw = np.random.default_rng(1)
    x = draw.normal(size=(36, 5))
    skill, p, _, _ = permuted(x, x[:, 0] * 2 + 0.5 * draw.normal(size=36), 99, 1)
    assert skill > 0.8
    assert p == pytest.approx(0.01)
    skill, p, _, _ = permuted(x, draw.normal(size=36), 99, 1)
    assert skill < 0.2


def test_chance_is_called_a_law_one_time_in_twenty() -> None:
    draw = np.random.default_rng(2)
    p = [
        permuted(draw.normal(size=(16, 3)), draw.standard_exponential(16), 19, 1)[1]
        for _ in range(200)
    ]
    wrong = np.mean(np.array(p) <= 0.05)
    low, high = st.binom.interval(0.999, 200, 0.05)
    assert low / 200 <= wrong <= high / 200


@pytest.fixture
def lawful() -> Iterator[duckdb.DuckDBPyConnection]:
    """Fourteen concepts whose steerability follows mean_cosine; away they lose half."""
    draw = np.random.default_rng(3)
    names = words("c", np.arange(14))
    cosine = draw.uniform(0.1, 0.9, 14)
    slope = np.repeat(4 * cosine - 1, 4) + 0.05 * draw.normal(size=56)
    with warehouse() as connection:
        fill(
            connection,
            concept=np.tile(np.repeat(names, 4), 2),
            variant=np.repeat(["base", "user_positive"], 56),
            question=np.tile(np.arange(4), 28),
            slope=np.concatenate([slope, slope / 2]),
        )
        for name, value, noise in zip(names, cosine, draw.normal(size=14), strict=True):
            connection.execute(
                "update vector_layer set mean_cosine = ?, d_prime = ?, auroc = 0.5"
                " where vector_id like ?",
                [value, noise, f"%|{name}|%"],
            )
        yield connection


def test_predicted_reliability(lawful: duckdb.DuckDBPyConnection) -> None:
    found = {row["outcome"]: row for row in rows(lawful, "predicted_reliability", draws="99")}
    assert set(found) == {"steerability", "anti_steerable_fraction", "ood_gap"}
    for outcome in ("steerability", "ood_gap"):
        row = found[outcome]
        assert row["skill"] > 0.9
        assert row["p"] == pytest.approx(0.01)
        assert row["skill_low"] < row["skill"] < row["skill_high"]
        assert (row["n_concepts"], row["n_predictors"], row["complete"]) == (14, 2, True)
        assert row["mean_error"] < row["mean_error_of_mean"]
    assert found["steerability"]["weights"].startswith("mean_cosine +")
    assert found["ood_gap"]["weights"].startswith("mean_cosine -")


def test_too_few_concepts_are_not_predicted(lawful: duckdb.DuckDBPyConnection) -> None:
    found = rows(lawful, "predicted_reliability", concept=["c0", "c1", "c2"], draws="9")
    assert {(row["skill"], row["p"], row["n_concepts"]) for row in found} == {(None, None, 3)}


def test_geometry_correlations(lawful: duckdb.DuckDBPyConnection) -> None:
    found = {(r["outcome"], r["predictor"]): r for r in rows(lawful, "geometry_correlations", draws="50")}  # fmt: skip
    assert found["steerability", "mean_cosine"]["spearman"] > 0.95
    assert found["ood_gap", "mean_cosine"]["spearman"] < -0.95
    assert found["steerability", "auroc"]["spearman"] is None
    assert found["steerability", "mean_cosine"]["spearman_q"] < 1e-6
