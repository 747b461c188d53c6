"""sweep and propensity_curve by hand, and what holds for every view."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any

import pytest

from warehouse.connect import connect


def test_sweep_has_every_point_once_with_zero_from_the_baseline(simple: Any) -> None:
    simple.ingest()
    points = simple.rows(
        "select multiplier, logit_diff, effect, chose_positive from sweep"
        " where item_id = 'i2' order by multiplier"
    )
    assert points == [
        (-1.5, 2.0, 1.5, True),
        (-1.0, 1.5, 1.0, True),
        (-0.5, 1.0, 0.5, True),
        (0.0, 0.5, 0.0, True),
        (0.5, 0.0, -0.5, False),
        (1.0, -0.5, -1.0, False),
        (1.5, -1.0, -1.5, False),
    ]
    names = simple.rows(
        "select distinct model, concept, variant, method, fit_concept, fit_variant, role from sweep"
    )
    assert names == [("m-name", "d-name", "base", "mean_difference", "d-name", "base", "fitted")]
    (probability,) = simple.rows(
        "select positive_prob from sweep where item_id = 'i1' and multiplier = 1"
    )[0]
    assert probability == pytest.approx(1 / (1 + math.exp(-2.5)))


def test_extreme_logits_give_probabilities_of_zero_and_one(simple: Any) -> None:
    simple.measure("r", 5, {"i1": lambda x: math.copysign(1e4, x)}, grid=(-1, 1))
    simple.ingest()
    found = simple.rows("select positive_prob from sweep where layer = 5 order by multiplier")
    assert [round(p, 6) for (p,) in found] == [0.0, 0.622459, 1.0]


def test_an_operator_that_acts_at_zero_brings_its_own_zero(simple: Any) -> None:
    simple.run("r0", "e", "v", operator="ablate_then_add", identity_at_zero=False)
    simple.measure("r0", 3, {"i1": lambda x: 7 + x}, grid=(-1, 0, 1))
    simple.run("r1", "e", "v", operator="ablate", identity_at_zero=False, graded=False)
    simple.measure("r1", 3, {"i1": lambda _: -3}, grid=(1,))
    simple.ingest()
    points = "select multiplier, logit_diff from sweep where run_id = '{}' order by multiplier"
    assert simple.rows(points.format("r0")) == [(-1.0, 6.0), (0.0, 7.0), (1.0, 8.0)]
    assert simple.rows(points.format("r1")) == [(1.0, -3.0)]
    assert simple.rows("select effect from sweep where run_id = 'r1'") == [(-3.5,)]
    slopes = simple.rows("select run_id, slope, intercept from item_slope where layer = 3")
    assert sorted(slopes) == [("r", -1.0, 0.5), ("r", 2.0, 0.5), ("r0", 1.0, 7.0)]


def test_the_alphabetically_first_name_is_shown(simple: Any) -> None:
    simple.add("name", {"kind": "concept", "id": "d", "name": "a-name"})
    simple.ingest()
    assert simple.rows("select distinct concept, fit_concept from sweep") == [("a-name",) * 2]


def test_an_item_that_stands_twice_is_measured_once_and_counted(world: Any) -> None:
    world.model()
    world.items("d", *[{"item_id": "i", "label_confidence": c} for c in (0.8, 0.9)])
    world.evaluation("e", "d", {"i": 0.0})
    world.vector("v", ("d", "base"))
    world.run("r", "e", "v")
    world.lines("r", 0, {"i": 1})
    world.pending["item"] = world.pending["item"][:1]
    world.ingest()
    found = world.rows("select distinct copies, label_confidence from sweep")
    assert found == [(2, pytest.approx(0.85))]
    assert world.rows("select count(*) from sweep") == [(7,)]
    assert world.rows("select n_items, steerability from steerability") == [(1, 1.0)]


def test_a_leaked_item_counts_only_where_its_split_was_swept(world: Any) -> None:
    world.model()
    world.items("d", {"item_id": "i", "split": "validation"}, {"item_id": "j", "split": "test"})
    world.add("dataset_item", {"dataset_id": "d", "row": 2, "item_id": "i", "split": "test"})
    world.evaluation("e", "d", {"i": 0.0, "j": 0.0})
    world.vector("v", ("d", "base"))
    world.run("r", "e", "v")
    for layer, splits in {0: ["validation"], 1: ["validation", "test"]}.items():
        world.lines("r", layer, {"i": 1} if layer == 0 else {"i": 1, "j": 3})
        for split in splits:
            cell = {"run_id": "r", "layer": layer, "multiplier": 1.0, "split": split, "block": 0}
            world.add("cell", {**cell, "n_items": 1, "execution_id": "x"})
    world.ingest()
    for view in ("steerability", "propensity_curve"):
        found = world.rows(f"select distinct split, layer, n_items from {view} order by all")
        assert found == [("test", 1, 2), ("validation", 0, 1), ("validation", 1, 1)]


def test_propensity_curve_by_hand(simple: Any) -> None:
    simple.ingest()
    curve = simple.dicts("from propensity_curve order by multiplier")
    assert [point["multiplier"] for point in curve] == [-1.5, -1, -0.5, 0, 0.5, 1, 1.5]
    last = curve[-1]
    assert last["mean_logit_diff"] == pytest.approx((3.5 - 1.0) / 2)
    assert last["sd_logit_diff"] == pytest.approx(4.5 / math.sqrt(2))
    assert last["median_logit_diff"] == pytest.approx(1.25)
    assert last["p10_logit_diff"] == pytest.approx(-0.55)
    assert last["mean_effect"] == pytest.approx(0.75)
    assert last["positive_fraction"] == 0.5
    assert last["n_items"] == last["n_questions"] == 2
    assert curve[3]["mean_effect"] == 0
    assert curve[3]["sd_logit_diff"] == 0


def test_no_number_anywhere_is_nan(simple: Any) -> None:
    simple.lines("r", 4, {"i1": 0.0, "i2": 0.0}, at_zero=0.5)
    simple.lines("r", 5, {"i1": 1.0})
    simple.ingest()
    with connect(simple.home) as connection:
        views = connection.execute(
            "select view_name from duckdb_views() where database_name = 'warehouse'"
        ).fetchall()
        assert len(views) >= 12
        for (view,) in views:
            for row in connection.execute(f"from {view}").fetchall():
                assert not any(isinstance(cell, float) and math.isnan(cell) for cell in row), view


def _scans(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    if "measurement" in node.get("extra_info", {}).get("Table", ""):
        yield node["extra_info"]
    for child in node.get("children", []):
        yield from _scans(child)


@pytest.mark.parametrize(
    "view", ["sweep", "item_slope", "steerability", "propensity_curve", "bias"]
)
def test_filters_reach_the_fact_table(simple: Any, view: str) -> None:
    simple.run("other", "e", "v")
    simple.lines("r", 4, {"i1": 1.0, "i2": 2.0})
    simple.lines("other", 3, {"i1": 1.0, "i2": 2.0})
    simple.ingest()
    query = f"explain (format json) from {view} where run_id = 'r' and layer = 3"
    ((_, plan),) = simple.rows(query)
    scans = list(_scans({"children": json.loads(plan)}))
    assert scans
    for scan in scans:
        assert "layer = 3" in str(scan["Filters"])
        assert "run_id = 'r'" in str(scan["Filters"])
