from __future__ import annotations

from typing import Any

import duckdb
import numpy as np
import pytest

from tests.analysis.conftest import Ask
from tests.analysis.simulated import FITTED, Family, Vector, warehouse
from tests.analysis.truth import Synthetic

GRID = np.arange(-1.5, 1.6, 0.5)
CURVES = {
    "line": (2 * GRID + 1, "linear"),
    "falling line": (-2 * GRID, "linear"),
    "tanh": (np.tanh(2 * GRID), "saturating"),
    "falling tanh": (-np.tanh(2 * GRID), "saturating"),
    "clipped": (np.clip(GRID, -0.5, 0.5), "saturating"),
    "cubic": (GRID**3, "accelerating"),
    "falling cubic": (-(GRID**3), "accelerating"),
    "only from 0 on": (np.maximum(GRID, 0), "accelerating"),
    "only up to 0": (np.minimum(GRID, 0), "saturating"),
    "hill": (-(GRID**2), "inverted_u"),
    "slanted hill": (GRID - GRID**2, "inverted_u"),
    "valley": (GRID**2, "u"),
    "wave": (np.sin(2 * np.pi * GRID / 1.5), "irregular"),
    "whole wave": (np.sin(2 * np.pi * GRID / 3), "irregular"),
    "nothing": (0 * GRID, "undetermined"),
    "hardly anything": (1e-4 * GRID, "undetermined"),
    "jitter on a tanh": (np.tanh(2 * GRID) + 0.05 * (-1) ** np.arange(7), "saturating"),
}


def shape(connection: duckdb.DuckDBPyConnection, x: Any, y: Any) -> str:
    sql = "select curve_shape($x::double[], $y::double[], 1e-3)"
    ((found,),) = connection.execute(sql, {"x": list(x), "y": list(y)}).fetchall()
    return str(found)


@pytest.mark.parametrize("name", CURVES)
def test_shapes(connection: duckdb.DuckDBPyConnection, name: str) -> None:
    y, expected = CURVES[name]
    assert shape(connection, GRID, y) == expected
    if expected != "undetermined":
        assert shape(connection, GRID, 1e3 * y + 7) == expected


def test_four_points_have_no_shape(connection: duckdb.DuckDBPyConnection) -> None:
    assert shape(connection, GRID[:4], GRID[:4]) == "undetermined"
    assert shape(connection, GRID[:5], GRID[:5]) == "linear"


def test_linear_is_an_r2_of_98(connection: duckdb.DuckDBPyConnection) -> None:
    draw = np.random.default_rng(0)
    seen = set()
    for _ in range(200):
        y = GRID + draw.normal(0, draw.uniform(0, 0.3), GRID.size)
        r2 = np.corrcoef(GRID, y)[0, 1] ** 2
        assert (shape(connection, GRID, y) == "linear") == (r2 >= 0.98)
        seen.add(bool(r2 >= 0.98))
    assert seen == {True, False}


def test_mean_curve_and_items(ask: Ask, made: Synthetic) -> None:
    run = made.fitted()
    (row,) = [r for r in ask("curve_shape", concept="concept0", layer="1") if r["variant"] == "base"]  # fmt: skip
    curves = made.curves(run, 1)
    grid = np.array([0.0, *made.shape.multipliers])
    assert row["shape"] == "linear"
    assert row["r2"] == pytest.approx(np.corrcoef(grid, curves.mean(axis=0))[0, 1] ** 2)
    each = np.array([np.corrcoef(grid, curve)[0, 1] ** 2 for curve in curves])
    assert row["mean_item_r2"] == pytest.approx(each.mean())
    assert row["linear_fraction"] == pytest.approx((each >= 0.98).mean())
    assert row["same_shape_fraction"] == row["linear_fraction"] < 1
    assert (row["n_multipliers"], row["multiplier_bound"], row["nulls"]) == (7, 1.5, "9 nulls")
    others = [r for r in ask("curve_shape", concept="concept0", layer="2") if r["variant"] == "base"]  # fmt: skip
    assert others[0]["nulls"] == "no null"


def test_shares_of_shapes_and_the_turn() -> None:
    grid = (-1.5, -1.0, -0.5, 0.5, 1.0, 1.5)
    slopes = np.array([[1.0] * 6 + [0.0] * 4])
    family = Family("c", {FITTED: slopes, Vector("null", "random", 0): 0 * slopes}, np.arange(10), multipliers=grid)  # fmt: skip
    with warehouse(family) as asked:
        asked.connection.execute(
            "update measurement set logit_diff = -0.3 * multiplier * multiplier where item_id like '%/9'"
        )
        found = asked.columns("curve_shape", "c", "shape", "linear_fraction", "inverted_u_fraction", "undetermined_fraction", "null_shape_fraction")  # fmt: skip
        assert {k: v[0] for k, v in found.items()} == {"shape": "linear", "linear_fraction": 0.6, "inverted_u_fraction": 0.1, "undetermined_fraction": 0.3, "null_shape_fraction": 0}  # fmt: skip
        asked.connection.execute("update measurement set logit_diff = -pow(multiplier - 0.5, 2)")
        asked.connection.execute("update baseline set logit_diff = -0.25")
        turned = asked.columns("curve_shape", "c", "shape", "turns_at", multiplier_bound="2")
        assert (turned["shape"][0], turned["turns_at"][0]) == ("inverted_u", 0.5)
