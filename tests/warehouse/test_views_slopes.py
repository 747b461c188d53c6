"""slope_floor, item_slope and steerability: numbers worked out by hand, or by numpy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest


def test_slopes_equal_polyfit(world: Any) -> None:
    rng = np.random.default_rng(1)
    names = [f"i{number}" for number in range(40)]
    grid = np.sort(rng.uniform(-3, 3, 11)).tolist()
    values = {name: rng.normal(size=12) * 10 ** rng.uniform(-3, 2) for name in names}
    world.model()
    world.items("d", *({"item_id": name} for name in names))
    world.evaluation("e", "d", {name: values[name][11] for name in names})
    world.vector("v", ("d", "base"))
    world.run("r", "e", "v")
    for name in names:
        curve = dict(zip(grid, values[name][:11], strict=True))
        world.measure("r", 0, {name: curve.__getitem__}, grid)
    world.ingest()
    for bound in (1.5, 0.9, 10):
        x = np.array([*grid, 0.0])
        inside = np.abs(x) <= bound
        assert inside.sum() >= 3
        found = world.rows(
            "select item_id, slope, intercept, r2, n_multipliers, multiplier_bound"
            f" from item_slope_within({bound})"
        )
        assert len(found) == 40
        for name, slope, intercept, r2, n, reported in found:
            y = values[name].astype(np.float32).astype(float)[inside]
            expected = np.polyfit(x[inside], y, 1)
            scale = np.abs(expected).max()
            assert slope == pytest.approx(expected[0], abs=1e-6 * scale)
            assert intercept == pytest.approx(expected[1], abs=1e-6 * scale)
            assert r2 == pytest.approx(np.corrcoef(x[inside], y)[0, 1] ** 2, abs=1e-6)
            assert n == inside.sum()
            assert reported == bound


def test_fewer_than_three_points_are_no_slope(simple: Any) -> None:
    simple.measure("r", 5, {"i1": lambda x: x}, grid=(1.0,))
    simple.measure("r", 6, {"i1": lambda x: x}, grid=(-2.0, -1.0, 2.0))
    simple.measure("r", 7, {"i1": lambda x: x}, grid=(0.5, 1.0))
    simple.ingest()
    assert simple.rows("select layer from item_slope where layer > 3") == [(7,)]
    found = simple.rows("select layer from item_slope_within(2) where layer > 3 order by layer")
    assert found == [(6,), (7,)]


def test_a_flat_curve_has_slope_zero_and_no_r2(simple: Any) -> None:
    simple.lines("r", 5, {"i1": 0.0}, at_zero=0.5)
    simple.ingest()
    found = simple.one("from item_slope where layer = 5")
    assert found["slope"] == 0
    assert found["r2"] is None
    assert found["unmoved"]
    assert not found["anti_steerable"]
    card = simple.one("from steerability where layer = 5")
    assert card["unmoved_fraction"] == 1
    assert card["anti_steerable_fraction_tan"] == 1
    assert card["sd_slope"] is None
    assert card["r2"] is None


def test_steerability_by_hand(world: Any) -> None:
    slopes = {"a": 3.0, "b": 1.0, "c": -0.5, "d": 0.0005, "e": -2.0}
    world.model()
    world.items("d", *({"item_id": name, "question": f"q-{name in 'ab'}"} for name in slopes))
    world.evaluation("e", "d", dict.fromkeys(slopes, 0.25))
    world.vector("v", ("d", "base"), layers={2: True})
    world.run("r", "e", "v")
    world.lines("r", 2, slopes, at_zero=0.25)
    world.ingest()
    card = world.one("from steerability")
    assert card["n_items"] == 5
    assert card["n_questions"] == 2
    assert card["n_multipliers"] == 7
    assert card["multiplier_bound"] == 1.5
    assert card["steerability"] == pytest.approx(1.5005 / 5, abs=1e-6)
    assert card["sd_slope"] == pytest.approx(np.std(list(slopes.values()), ddof=1), abs=1e-6)
    assert card["median_slope"] == pytest.approx(0.0005, abs=1e-6)
    assert card["anti_steerable_fraction"] == pytest.approx(2 / 5)
    assert card["unmoved_fraction"] == pytest.approx(1 / 5)
    assert card["anti_steerable_fraction_tan"] == pytest.approx(2 / 5)
    assert card["r2"] == pytest.approx(1, abs=1e-4)
    assert card["mean_baseline_logit_diff"] == 0.25
    assert card["degenerate"]
    assert card["slope_floor"] == 1e-3
    assert card["complete"]


def test_the_slope_floor_follows_from_the_verified_error(simple: Any) -> None:
    row = {"run_id": "r", "item_id": "i1", "layer": 3, "execution_id": "x", "scale": 10.0}
    simple.add(
        "verification",
        {**row, "multiplier": 1.0, "logit_diff": 2.0, "reference": 2.02},
        {**row, "multiplier": 0.5, "logit_diff": 2.0, "reference": 2.001},
    )
    for multiplier in (-1.5, -1.0, -0.5, 0.5, 1.0, 1.5, 4.0):
        cell = {"run_id": "r", "layer": 3, "split": "test", "block": 0, "n_items": 2}
        simple.add("cell", {**cell, "multiplier": multiplier, "execution_id": "x"})
    simple.model("other")
    simple.ingest()
    floor, other = simple.dicts("from slope_floor order by model_id")
    # sum |x| / sum x^2 over -1.5, -1, ..., 1.5 is 6 / 7
    assert floor["factor"] == pytest.approx(6 / 7)
    assert floor["largest_error"] == pytest.approx(0.02)
    assert floor["slope_floor"] == pytest.approx(3 * 0.02 * 6 / 7)
    assert other["slope_floor"] == 1e-3
    assert simple.rows("select distinct slope_floor from item_slope") == [
        (pytest.approx(3 * 0.02 * 6 / 7),)
    ]


def test_the_slope_floor_holds_the_rounding_of_half_precision_and_no_outlier(simple: Any) -> None:
    row = {"run_id": "r", "item_id": "i1", "layer": 3, "execution_id": "x", "scale": 10.0}
    whole = {"reference_unsteered": 1.0, "float32": 2.5, "float32_unsteered": 1.4}
    simple.add(
        "verification",
        # off by 0.01, and its effect of 1.0 is 1.1 in float32; 0.4 is common to all its points
        {**row, **whole, "multiplier": 1.0, "logit_diff": 2.01, "reference": 2.0},
        {**row, "multiplier": 0.5, "logit_diff": 2.0, "reference": 2.05, "outlier": False},
        {**row, "multiplier": 1.5, "logit_diff": 2.0, "reference": 9.0, "outlier": True},
    )
    simple.ingest()
    (floor,) = simple.dicts("from slope_floor")
    assert floor["largest_error"] == pytest.approx(0.11)
    assert floor["slope_floor"] == pytest.approx(0.33)


def test_slopes_between_the_floors_are_unmoved(simple: Any) -> None:
    row = {"run_id": "r", "item_id": "i1", "layer": 3, "multiplier": 1.0, "execution_id": "x"}
    simple.add("verification", {**row, "scale": 1.0, "logit_diff": 0.0, "reference": 0.5})
    simple.lines("r", 4, {"i1": -1.6, "i2": 1.4}, at_zero=0.5)
    simple.ingest()
    found = simple.rows(
        "select item_id, slope_floor, anti_steerable, unmoved from item_slope where layer = 4"
        " order by item_id"
    )
    # without cells the grid is unknown and the factor 1
    assert found == [("i1", 1.5, True, False), ("i2", 1.5, False, True)]
