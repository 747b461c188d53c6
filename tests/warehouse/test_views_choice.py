"""best_layer and concept_card."""

from __future__ import annotations

from typing import Any

import pytest

from tests.warehouse.choice_worlds import ask, choice, disputed
from warehouse import queries
from warehouse.connect import connect


def test_validation_chooses_the_layer_and_degenerate_ones_are_out(world: Any) -> None:
    choice(world)
    world.ingest()
    best = world.one("from best_layer")
    assert best["layer"] == 2
    assert best["steerability"] == pytest.approx(2)
    assert best["n_candidates"] == 3
    assert best["n_items"] == 2
    assert (best["method"], best["norm"], best["operator"]) == ("mean_difference", "raw", "add")
    assert (best["fit_variant"], best["variant"]) == ("base", "base")
    assert best["vector_ids"] == ["v"]
    assert best["complete"]


def test_a_mean_of_fits_chooses_no_layer_whatever_its_name(world: Any) -> None:
    """Its name, `a + base`, sorts before `base`, on which it was fitted too."""
    choice(world)
    world.vector("mean", ("d", "base"), layers={3: False}, combination="mean")
    fit = {"vector_id": "mean", "dataset_id": "d", "split": "train", "variant_id": "d/a"}
    world.add("vector_fit", {**fit, "items_sha256": "0", "n_items": 4, "n_questions": 2})
    world.add("variant", {"variant_id": "d/a", "dataset_id": "d"})
    world.add("name", {"kind": "variant", "id": "d/a", "name": "a"})
    world.run("r-mean", "e", "mean")
    world.lines("r-mean", 3, {"validation0": 50, "validation1": 50})
    world.ingest()
    assert world.rows("select fit_variant, layer, vector_ids from best_layer") == [
        ("base", 2, ["v"])
    ]
    assert world.rows(
        "select fit_variant, fit_variant_ids, n_items, n_questions from fit_card order by n_items"
    ) == [("base", ["d/base"], 4, 2), ("a + base", ["d/a", "d/base"], 8, 2)]


def _layers_of(world: Any, limit: int | None, *multipliers: float) -> list[tuple[Any, ...]]:
    asked = {"run_ids": ["r"], "layers": [0, 1, 2, 3], "limit": limit}
    with connect(world.home) as connection:
        found = queries.rows(connection, "layer_choice", multipliers=list(multipliers), **asked)
    return [row[:2] for row in found]


def test_a_choice_comes_with_its_slope_and_its_candidates(world: Any) -> None:
    choice(world)
    world.ingest()
    asked = {"run_ids": ["r"], "layers": [0, 1, 2, 3], "limit": None, "multipliers": [-1, 0, 1]}
    with connect(world.home) as connection:
        (found,) = queries.rows(connection, "layer_choice", **asked)
    assert found == ("r", 2, pytest.approx(2.0), 3)


def test_a_choice_stands_beside_its_nulls_by_the_t_prediction(world: Any) -> None:
    from scipy import stats

    choice(world)
    slopes = (0.5, -0.25, 1.5)
    for number, slope in enumerate(slopes):
        name = f"null{number}"
        world.vector(name, ("d", "base"), role="null", seed=number, method="random", parent_vector_id="v")  # fmt: skip
        world.run(f"r-{name}", "e", name)
        world.lines(f"r-{name}", 2, {"test0": slope - 1, "test1": slope + 1})
        world.lines(f"r-{name}", 3, {"test0": 90.0, "test1": 90.0})
    world.ingest()
    asked = {"run_ids": ["r"], "layers": [2], "slopes": [2.0], "multipliers": [-1.5, -1, 0, 1, 1.5]}
    with connect(world.home) as connection:
        ((run, kind, n, p),) = queries.rows(connection, "choice_nulls", **asked)
    assert (run, kind, n) == ("r", "random", 3)
    sd = stats.tstd(slopes)
    t = (2.0 - sum(slopes) / 3) / (sd * (1 + 1 / 3) ** 0.5)
    assert p == pytest.approx(2 * stats.t.sf(t, 2), rel=1e-4)


def test_what_others_measured_moves_no_choice(world: Any) -> None:
    disputed(world)
    world.ingest()
    assert world.rows("select layer from best_layer") == [(3,)]
    assert _layers_of(world, 2, -1, 0, 1) == [("r", 2)]
    assert _layers_of(world, None, -1, 0, 1) == [("r", 3)]
    assert _layers_of(world, 2, -1.5, -1, 0, 1, 1.5) == [("r", 3)]


def test_nulls_resamples_and_other_concepts_vectors_do_not_choose(world: Any) -> None:
    choice(world)
    world.vector("null", ("d", "base"), role="null", seed=1)
    world.vector("draw", ("d", "base"), role="resample", resample=1)
    world.vector("far", ("other", "base"))
    for vector in ("null", "draw", "far"):
        world.run(f"r-{vector}", "e", vector)
        world.lines(f"r-{vector}", 0, {"validation0": 50.0, "validation1": 50.0})
    world.ingest()
    assert world.rows("select layer, n_candidates from best_layer") == [(2, 3)]


def test_base_is_preferred_to_variants_that_come_first(world: Any) -> None:
    choice(world)
    world.evaluation("e2", "d", {"validation0": 0.0}, variant="assertive")
    world.run("r2", "e2", "v")
    world.vector("v2", ("d", "assertive"))
    world.run("r3", "e", "v2")
    for run in ("r2", "r3"):
        world.lines(run, 0, {"validation0": 50.0})
    world.ingest()
    best = world.one("from best_layer")
    assert (best["layer"], best["fit_variant"], best["variant"]) == (2, "base", "base")


def test_base_is_known_by_any_of_its_names(world: Any) -> None:
    choice(world)
    world.add("name", {"kind": "variant", "id": "d/base", "name": "aa"})
    world.evaluation("e2", "d", {"validation0": 0.0}, variant="a")
    world.run("r2", "e2", "v")
    world.lines("r2", 0, {"validation0": 50.0})
    world.ingest()
    best = world.one("from best_layer")
    assert (best["layer"], best["variant"], best["variant_id"]) == (2, "aa", "d/base")


def test_without_base_the_alphabetically_first_variants_choose(world: Any) -> None:
    world.model()
    world.items("d", {"item_id": "i", "split": "validation"})
    for fit in ("y", "z"):
        world.vector(f"v-{fit}", ("d", fit))
    for variant in ("x", "w"):
        world.evaluation(f"e-{variant}", "d", {"i": 0.0}, variant=variant)
        for fit in ("y", "z"):
            run = f"{fit}-{variant}"
            world.run(run, f"e-{variant}", f"v-{fit}")
            for layer in (0, 1):
                good = (run == "y-w") == (layer == 1)
                world.lines(run, layer, {"i": 5.0 if good else 1.0})
    for name in ("y", "z"):
        world.add("name", {"kind": "variant", "id": f"d/{name}", "name": name})
    world.ingest()
    best = world.one("from best_layer")
    assert (best["fit_variant"], best["variant"], best["layer"]) == ("y", "w", 1)


def test_operators_scopes_and_norms_choose_for_themselves(world: Any) -> None:
    choice(world)
    world.run("r-decision", "e", "v", scope="decision")
    world.lines("r-decision", 0, {"validation0": 1.0})
    world.vector("u", ("d", "base"), norm="unit")
    world.run("r-unit", "e", "u")
    world.lines("r-unit", 3, {"validation0": 1.0})
    world.ingest()
    found = world.rows("select norm, scope, layer from best_layer order by all")
    assert found == [("raw", "answer", 2), ("raw", "decision", 0), ("unit", "answer", 3)]


def test_seeds_are_averaged(world: Any) -> None:
    world.model()
    world.items("d", {"item_id": "i", "split": "validation"})
    world.evaluation("e", "d", {"i": 0.0})
    for seed, slopes in {0: (4.0, 3.0), 1: (0.0, 3.0)}.items():
        world.vector(f"v{seed}", ("d", "base"), seed=seed)
        world.run(f"r{seed}", "e", f"v{seed}")
        for layer, slope in enumerate(slopes):
            world.lines(f"r{seed}", layer, {"i": slope})
    world.ingest()
    best = world.one("from best_layer")
    assert (best["layer"], best["steerability"], best["vector_ids"]) == (1, 3.0, ["v0", "v1"])


def test_a_vector_of_the_users_own_has_a_best_layer_too(world: Any) -> None:
    world.model()
    world.items("d", {"item_id": "i", "split": "validation"})
    world.evaluation("e", "d", {"i": 0.0})
    world.vector("own", None, method="file")
    world.run("r", "e", "own")
    world.lines("r", 4, {"i": 1.0})
    world.ingest()
    best = world.one("from best_layer")
    assert (best["layer"], best["method"], best["fit_variant"]) == (4, "file", None)


def test_the_card_shows_the_test_split_at_the_chosen_layer(world: Any) -> None:
    choice(world)
    for seed, slope in enumerate((0.1, -0.1)):
        parent = {"parent_vector_id": "v", "role": "null", "seed": seed}
        world.vector(f"null{seed}", ("d", "base"), method="random", **parent)
        world.run(f"rn{seed}", "e", f"null{seed}")
        world.lines(f"rn{seed}", 2, {"test0": slope, "test1": slope})
    world.vector("stranger", ("d", "base"), parent_vector_id="w", role="null", seed=9)
    world.run("rs", "e", "stranger")
    world.lines("rs", 2, {"test0": 7.0})
    ask(world, "r", "test", 2, 1.0, 2)
    ask(world, "r", "test", 3, 2.0, 2)
    world.ingest()
    card = world.one("from concept_card")
    assert card["layer"] == 2
    assert card["validation_steerability"] == pytest.approx(2)
    assert card["steerability"] == pytest.approx(11)
    assert card["n_items"] == 2
    assert card["anti_steerable_fraction"] == 0
    assert card["letter_share"] is None  # one question on each side
    assert card["yes_no_share"] is None
    assert card["n_nulls"] == 2
    assert card["mean_null"] == pytest.approx(0, abs=1e-6)
    assert card["sd_null"] == pytest.approx(0.2 / 2**0.5)
    assert card["complete"]
