"""generalisation, side_effect and method_comparison."""

from __future__ import annotations

from typing import Any

import pytest


def _grid(world: Any) -> None:
    """Vectors fitted on base and on pos, both evaluated on both; and evaluated on neg alone."""
    world.model()
    world.items("d", {"item_id": "i"}, {"item_id": "j"})
    baselines = {"base": {"i": 0.0, "j": 1.0}, "pos": {"i": 2.0, "j": 2.0}, "neg": {"i": 0.0}}
    slopes = {("base", "base"): 4.0, ("base", "pos"): -1.0, ("base", "neg"): 3.0,
              ("pos", "base"): 2.0, ("pos", "pos"): 0.2, ("pos", "neg"): 1.0}  # fmt: skip
    directions = {"base": [1.0, 0.0], "pos": [1.0, 1.0]}
    for variant, values in baselines.items():
        world.evaluation(f"e-{variant}", "d", values, variant=variant)
    for fit, direction in directions.items():
        world.vector(f"v-{fit}", ("d", fit), layers={0: False})
        world.add("vector_direction", {"vector_id": f"v-{fit}", "layer": 0, "direction": direction})
    for (fit, variant), slope in slopes.items():
        run = f"{fit}-{variant}"
        world.run(run, f"e-{variant}", f"v-{fit}")
        for item, at_zero in baselines[variant].items():
            world.lines(run, 0, {item: slope}, at_zero=at_zero)


def test_relative_steerability_by_hand(world: Any) -> None:
    _grid(world)
    world.ingest()
    grid = {(row["fit_variant"], row["variant"]): row for row in world.dicts("from generalisation")}
    assert len(grid) == 6
    shifted = grid["base", "pos"]
    assert shifted["steerability"] == pytest.approx(-1)
    assert shifted["own_steerability"] == pytest.approx(0.2)
    assert shifted["relative_steerability"] is None  # the target's own vector hardly steers
    assert shifted["baseline_shift"] == pytest.approx((2 + 1) / 2)
    assert shifted["cosine"] == pytest.approx(2**-0.5)
    assert not shifted["in_distribution"]
    back = grid["pos", "base"]
    assert back["relative_steerability"] == pytest.approx(2 / 4)
    assert back["baseline_shift"] == pytest.approx(1.5)
    own = grid["base", "base"]
    assert own["relative_steerability"] == pytest.approx(1)
    assert own["baseline_shift"] == 0
    assert own["cosine"] == pytest.approx(1)
    assert own["in_distribution"]
    alone = grid["base", "neg"]
    assert alone["own_steerability"] is None
    assert alone["relative_steerability"] is None
    assert alone["baseline_shift"] == 0


def test_an_anti_steerable_reference_is_left_out_and_signs_stay(world: Any) -> None:
    _grid(world)
    world.lines("base-base", 1, {"i": 2.0})
    world.lines("pos-base", 1, {"i": -1.0})
    world.lines("base-pos", 1, {"i": 2.0}, at_zero=2)
    world.lines("pos-pos", 1, {"i": -5.0}, at_zero=2)
    world.ingest()
    found = world.rows(
        "select fit_variant, variant, relative_steerability from generalisation"
        " where layer = 1 order by all"
    )
    assert found == [
        ("base", "base", pytest.approx(1)),
        ("base", "pos", None),
        ("pos", "base", pytest.approx(-0.5)),
        ("pos", "pos", None),
    ]


def test_degenerate_vectors_have_no_cosine(world: Any) -> None:
    _grid(world)
    for row in world.pending["vector_layer"]:
        row["degenerate"] = row["vector_id"] == "v-pos"
    world.ingest()
    found = world.rows(
        "select fit_variant, variant, cosine from generalisation where variant <> 'neg' order by all"
    )
    assert [cosine for *_, cosine in found] == [pytest.approx(1), None, None, None]


def _two_concepts(world: Any) -> None:
    world.model()
    for dataset in ("c", "d"):
        names = [f"{dataset}{number}" for number in range(2)]
        world.items(dataset, *({"item_id": name} for name in names))
        world.evaluation(f"e-{dataset}", dataset, dict.fromkeys(names, 0.0))
        world.vector(f"v-{dataset}", (dataset, "base"), layers={0: False})
        world.run(f"{dataset}-{dataset}", f"e-{dataset}", f"v-{dataset}")
    world.lines("c-c", 0, {"c0": 4.0, "c1": 2.0})
    world.lines("d-d", 0, {"d0": 1.0, "d1": 1.0})
    world.run("c-d", "e-d", "v-c")
    world.lines("c-d", 0, {"d0": 1.5, "d1": -0.5})


def test_side_effects_by_hand(world: Any) -> None:
    _two_concepts(world)
    for vector, direction in {"v-c": [3.0, 4.0], "v-d": [4.0, 3.0]}.items():
        world.add("vector_direction", {"vector_id": vector, "layer": 0, "direction": direction})
    world.ingest()
    found = world.one("from side_effect")
    assert (found["fit_concept"], found["concept"]) == ("c-name", "d-name")
    assert found["side_effect"] == pytest.approx(0.5)
    assert found["mean_abs_slope"] == pytest.approx(1)
    assert found["own_steerability"] == pytest.approx(3)
    assert found["relative_side_effect"] == pytest.approx(0.5 / 3)
    assert found["target_steerability"] == pytest.approx(1)
    assert found["cosine"] == pytest.approx(24 / 25)
    assert found["complete"]


def test_side_effect_runs_are_no_generalisation(world: Any) -> None:
    _two_concepts(world)
    world.ingest()
    assert sorted(world.rows("select run_id from generalisation")) == [("c-c",), ("d-d",)]


def test_methods_are_paired_by_question(world: Any) -> None:
    world.model()
    names = {"a1": "a", "a2": "a", "b1": "b"}
    world.items("d", *({"item_id": name, "question": q} for name, q in names.items()))
    world.evaluation("e", "d", dict.fromkeys(names, 0.0))
    world.vector("v1", ("d", "base"))
    world.vector("v2", ("d", "base"), method="pca")
    world.vector("v3", ("d", "other"), method="pca")
    world.vector("null", ("d", "base"), method="random", role="null")
    for number, vector in enumerate(("v1", "v2", "v3", "null")):
        world.run(f"r{number}", "e", vector)
    world.lines("r0", 0, {"a1": 3.0, "a2": 1.0, "b1": 5.0})
    world.lines("r1", 0, {"a1": 1.0, "a2": 0.0, "b1": 5.5})
    world.lines("r2", 0, {"a1": 9.0})
    world.lines("r3", 0, {"a1": 9.0})
    world.ingest()
    found = world.one("from method_comparison")
    assert (found["method_a"], found["method_b"]) == ("mean_difference", "pca")
    assert (found["run_id_a"], found["run_id_b"]) == ("r0", "r1")
    # question means: A 2 and 5, B 0.5 and 5.5
    assert found["n_questions"] == 2
    assert found["steerability_a"] == pytest.approx(3.5)
    assert found["steerability_b"] == pytest.approx(3)
    assert found["mean_paired_difference"] == pytest.approx(0.5)
    assert found["sd_paired_difference"] == pytest.approx(2**0.5)
    assert found["fraction_a_larger"] == 0.5


def test_a_vector_of_the_users_own_is_compared_with_every_fit(world: Any) -> None:
    world.model()
    world.items("d", {"item_id": "i"})
    world.evaluation("e", "d", {"i": 0.0})
    world.vector("v1", ("d", "base"))
    world.vector("v2", None, method="file")
    for number, vector in enumerate(("v1", "v2")):
        world.run(f"r{number}", "e", vector)
        world.lines(f"r{number}", 0, {"i": float(number)})
    world.ingest()
    found = world.one("from method_comparison")
    assert (found["method_a"], found["method_b"], found["fit_variant"]) == (
        "file",
        "mean_difference",
        "base",
    )
    assert found["mean_paired_difference"] == pytest.approx(1)
    assert found["sd_paired_difference"] is None
