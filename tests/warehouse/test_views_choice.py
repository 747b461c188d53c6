"""coverage, best_layer and concept_card."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest

from tests.warehouse.conftest import line
from warehouse import queries
from warehouse.connect import connect


def _ask(world: Any, run: str, split: str, layer: int, multiplier: float, n: int) -> None:
    row = {"experiment": "x", "run_id": run, "split": split, "layer": layer}
    world.add("experiment_run", {**row, "multiplier": multiplier, "n_asked": n})


def test_coverage_is_asked_minus_measured_minus_refused(world: Any) -> None:
    world.model()
    world.items("d", *({"item_id": name} for name in "abcd"))
    world.evaluation("e", "d", {"a": 0.0, "b": 0.0})
    world.vector("v", ("d", "base"))
    world.run("r", "e", "v")
    world.add("refused", _refusal("d"))
    world.lines("r", 1, {"a": 1, "b": 1})
    for multiplier in (0.0, 0.5, 2.0):
        _ask(world, "r", "test", 1, multiplier, 4)
    _ask(world, "r", "test", 2, 0.5, 4)
    world.ingest()
    found = world.rows(
        "select layer, multiplier, n_asked, n_measured, n_refused, n_missing"
        " from coverage order by layer, multiplier"
    )
    assert found == [
        (1, 0.0, 4, 2, 1, 1),
        (1, 0.5, 4, 2, 1, 1),
        (1, 2.0, 4, 0, 1, 3),
        (2, 0.5, 4, 0, 1, 3),
    ]
    assert world.rows("select complete from steerability") == [(False,)]


def _refusal(item: str) -> dict[str, Any]:
    reason = "longer than the context"
    return {"evaluation_id": "e", "item_id": item, "reason": reason, "dropped": True}


def test_what_is_all_there_is_complete_whoever_asked(simple: Any) -> None:
    for multiplier in (-1.0, 0.0, 1.0):
        _ask(simple, "r", "test", 3, multiplier, 2)
    simple.ingest()
    assert simple.rows("select sum(n_missing) from coverage") == [(0,)]
    assert simple.rows("select complete from steerability") == [(True,)]


def test_an_asked_run_that_never_began_is_missing(world: Any) -> None:
    _ask(world, "nowhere", "test", 1, 1.0, 5)
    world.ingest()
    found = world.one("from coverage")
    assert (found["n_missing"], found["n_measured"], found["concept"]) == (5, 0, None)


def _choice(world: Any) -> None:
    """Layers 0 to 3 on validation and test; 2 is the best of those not degenerate."""
    world.model()
    items = [
        {"item_id": f"{split}{number}", "split": split, "first": number == 0}
        for split in ("validation", "test")
        for number in range(2)
    ]
    world.items("d", *items)
    world.evaluation("e", "d", {item["item_id"]: 0.0 for item in items})
    world.vector("v", ("d", "base"), layers={0: False, 1: True, 2: False, 3: False})
    world.run("r", "e", "v")
    for layer, steerability in {0: 1.0, 1: 9.0, 2: 2.0, 3: 2.0}.items():
        world.lines("r", layer, {"validation0": steerability + 0.5})
        world.lines("r", layer, {"validation1": steerability - 0.5})
        world.lines("r", layer, {"test0": steerability + 10, "test1": steerability + 8})


def test_validation_chooses_the_layer_and_degenerate_ones_are_out(world: Any) -> None:
    _choice(world)
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
    _choice(world)
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
    _choice(world)
    world.ingest()
    asked = {"run_ids": ["r"], "layers": [0, 1, 2, 3], "limit": None, "multipliers": [-1, 0, 1]}
    with connect(world.home) as connection:
        (found,) = queries.rows(connection, "layer_choice", **asked)
    assert found == ("r", 2, pytest.approx(2.0), 3)


def test_a_choice_stands_beside_its_nulls_by_the_t_prediction(world: Any) -> None:
    from scipy import stats

    _choice(world)
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


def _disputed(world: Any) -> None:
    """Layer 2 within ±1; another experiment's ±1.5, and items beyond the limit, speak for 3."""
    world.model()
    items = [{"item_id": f"i{n}", "split": "validation"} for n in range(3)]
    world.items("d", *items)
    world.evaluation("e", "d", {item["item_id"]: 0.0 for item in items})
    world.vector("v", ("d", "base"), layers={2: False, 3: False})
    world.run("r", "e", "v")
    for layer, slope in {2: 2.0, 3: 1.0}.items():
        world.measure("r", layer, {i: line(slope) for i in ("i0", "i1")}, grid=(-1, 1))
    world.measure("r", 3, {"i2": line(50.0)}, grid=(-1, 1))
    world.measure("r", 3, {i: line(50.0) for i in ("i0", "i1")}, grid=(-1.5, 1.5))


def test_what_others_measured_moves_no_choice(world: Any) -> None:
    _disputed(world)
    world.ingest()
    assert world.rows("select layer from best_layer") == [(3,)]
    assert _layers_of(world, 2, -1, 0, 1) == [("r", 2)]
    assert _layers_of(world, None, -1, 0, 1) == [("r", 3)]
    assert _layers_of(world, 2, -1.5, -1, 0, 1, 1.5) == [("r", 3)]


def test_an_experiment_keeps_the_layer_it_chose(world: Any) -> None:
    """best: one reported layer; all with nulls: where the nulls are; two points make no slope."""
    _choice(world)
    world.vector("null", ("d", "base"), role="null", seed=1, method="random", parent_vector_id="v")
    world.run("r-null", "e", "null")
    for layer in range(4):
        for name in ("x", "plain"):
            world.add("experiment_run", _row(name, "r", "test", layer))
    world.add(
        "experiment_run",
        _row("x", "r-null", "test", 3),
        _row("best", "r", "test", 0),
        *(_row("best", "r", "validation", layer) for layer in range(4)),
    )
    world.ingest()
    assert world.rows("select experiment, run_id, layer from experiment_choice order by all") == [
        ("best", "r", 0),
        ("x", "r", 3),
        ("x", "r-null", 3),
    ]
    asked = "select chosen_layer from asked_cards({}, null, null, null, 'fitted', 'best')"
    for names, layer in {"['x']": 3, "['b*']": 0, "['plain']": 2, "null": 2, "['*']": 2}.items():
        assert world.rows(asked.format(names)) == [(layer,)], names


def _row(experiment: str, run: str, split: str, layer: int) -> dict[str, Any]:
    about = {"experiment": experiment, "run_id": run, "split": split, "layer": layer}
    return {**about, "multiplier": 1.0, "n_asked": 2}


def test_nulls_resamples_and_other_concepts_vectors_do_not_choose(world: Any) -> None:
    _choice(world)
    world.vector("null", ("d", "base"), role="null", seed=1)
    world.vector("draw", ("d", "base"), role="resample", resample=1)
    world.vector("far", ("other", "base"))
    for vector in ("null", "draw", "far"):
        world.run(f"r-{vector}", "e", vector)
        world.lines(f"r-{vector}", 0, {"validation0": 50.0, "validation1": 50.0})
    world.ingest()
    assert world.rows("select layer, n_candidates from best_layer") == [(2, 3)]


def test_base_is_preferred_to_variants_that_come_first(world: Any) -> None:
    _choice(world)
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
    _choice(world)
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
    _choice(world)
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
    _choice(world)
    for seed, slope in enumerate((0.1, -0.1)):
        parent = {"parent_vector_id": "v", "role": "null", "seed": seed}
        world.vector(f"null{seed}", ("d", "base"), method="random", **parent)
        world.run(f"rn{seed}", "e", f"null{seed}")
        world.lines(f"rn{seed}", 2, {"test0": slope, "test1": slope})
    world.vector("stranger", ("d", "base"), parent_vector_id="w", role="null", seed=9)
    world.run("rs", "e", "stranger")
    world.lines("rs", 2, {"test0": 7.0})
    _ask(world, "r", "test", 2, 1.0, 2)
    _ask(world, "r", "test", 3, 2.0, 2)
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


def _asks(
    world: Any,
    experiment: str,
    run: str,
    layers: tuple[int, ...],
    splits: tuple[str, ...] = ("validation", "test"),
    multipliers: tuple[float, ...] = (-1.0, 1.0),
    n_asked: int = 2,
) -> None:
    for layer, split, multiplier in product(layers, splits, multipliers):
        about = {"experiment": experiment, "run_id": run, "split": split, "layer": layer}
        world.add("experiment_run", {**about, "multiplier": multiplier, "n_asked": n_asked})


def _choices(world: Any, experiment: str, role: str = "fitted") -> list[tuple[Any, ...]]:
    sql = "select run_id, chosen_layer, cross_fitted from asked_cards({}, null, null, null, '{}', 'best') order by 1"
    return world.rows(sql.format([experiment], role))  # type: ignore[no-any-return]


def test_a_list_of_layers_is_chosen_among_whatever_the_best_of_all_is(world: Any) -> None:
    """2 is the best of all; 1 is degenerate; other prompts and operators go along with base's."""
    _choice(world)
    world.evaluation("e2", "d", {"test0": 0.0}, variant="assertive")
    world.run("r2", "e2", "v")
    world.lines("r2", 1, {"test0": 5.0})
    world.run("r-ablate", "e", "v", operator="ablate", identity_at_zero=False, graded=False)
    for run in ("r", "r2"):
        _asks(world, "few", run, (0, 1))
        _asks(world, "test-only", run, (0, 3), splits=("test",))
    _asks(world, "few", "r-ablate", (0, 1), multipliers=(1.0,))
    _asks(world, "ablate", "r-ablate", (0, 3), multipliers=(1.0,))
    _asks(world, "ablate-2", "r-ablate", (0, 2), multipliers=(1.0,))
    world.ingest()
    assert _choices(world, "few") == [("r", 0, False), ("r-ablate", 0, False), ("r2", 0, False)]
    # validation slopes that others left choose before the items that are reported
    assert _choices(world, "test-only") == [("r", 3, False), ("r2", 3, False)]
    # the layer of `add`, which others chose, counts where it is asked for, and else there is none
    assert _choices(world, "ablate") == [("r-ablate", None, None)]
    assert _choices(world, "ablate-2") == [("r-ablate", 2, False)]


def test_an_experiments_own_items_and_multipliers_choose_among_its_layers(world: Any) -> None:
    _disputed(world)
    _asks(world, "limited", "r", (2, 3), splits=("validation",))
    _asks(world, "whole", "r", (2, 3), splits=("validation",), n_asked=3)
    _asks(world, "wide", "r", (2, 3), splits=("validation",), multipliers=(-1.5, -1, 1, 1.5))
    world.ingest()
    found = world.rows("select experiment, layer from experiment_choice order by all")
    assert found == [("limited", 2), ("whole", 3), ("wide", 3)]


def test_test_items_choose_among_listed_layers_where_validation_is_nowhere(world: Any) -> None:
    world.model()
    world.items("d", {"item_id": "i"})
    world.evaluation("e", "d", {"i": 0.0})
    world.vector("v", ("d", "base"))
    world.run("r", "e", "v")
    for layer, slope in {1: 1.0, 2: 2.0, 3: 3.0}.items():
        world.lines("r", layer, {"i": slope})
    _asks(world, "several", "r", (1, 2), n_asked=1)
    _asks(world, "one", "r", (1,), n_asked=1)
    world.ingest()
    assert _choices(world, "several") == [("r", 2, True)]
    assert _choices(world, "one") == [("r", 1, False)]
