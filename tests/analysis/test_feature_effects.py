"""What is asked of effects on features, against numpy and scipy on the pairs they were made of."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest
from scipy import stats

from tests.analysis.conftest import rows
from tests.analysis.feature_world import SAMPLES, Drawn, FeatureWorld, Place
from tests.empty_warehouse import place

MULTIPLIERS = (-4.0, 2.0)
AIMS: dict[str, dict[int, float] | None] = {
    "row": {3: 1.0},
    "against": {5: -2.0},
    "several": {3: 1.0, 7: -0.5, 9: 2.0},
    "difference": {1: 0.4, 2: -0.3},
    "caa": None,
}
OWN = {"difference": "love", "caa": "wedding"}
"""Methods that are fitted on a concept; the others are made of features alone."""
KINDS = {"row": "sae_decoder", "against": "sae_ts", "several": "sae_ts", "caa": "mean_difference"}


def fill(world: FeatureWorld) -> None:
    """Add five methods; one on a second model, layer, autoencoder and stream; and random nulls."""
    world.sae("near", "near-by-another-name")
    world.sae("far")
    for method, aims in AIMS.items():
        run_id = world.run(OWN.get(method), method, kind=KINDS.get(method, "sae_difference"))
        world.aim(run_id, aims or {}, "near")
        world.rollouts(run_id, SAMPLES, MULTIPLIERS)
        for multiplier in MULTIPLIERS:
            world.changed(run_id, (method, "m", 2, multiplier, "near", "unsteered"), aims)
    run_id = world.run(None, "row", kind="sae_decoder")
    world.changed(run_id, ("row", "m", 2, 2.0, "far", "unsteered"), None)
    world.changed(run_id, ("row", "m", 2, 2.0, "near", "steered"), AIMS["row"])
    world.rollouts(run_id, SAMPLES, (2.0,), layer=5)
    world.changed(run_id, ("row", "m", 5, 2.0, "near", "unsteered"), None)
    caa = world.run("wedding", "caa", kind="mean_difference")
    null = world.run("wedding", "random", role="null", parent=world.vector_of(caa))
    world.rollouts(null, SAMPLES, (2.0,))
    world.changed(null, ("random", "m", 2, 2.0, "near", "unsteered"), None)
    # Elsewhere: another model, of which more was asked than is there; and a run asked for twice.
    world.experiment = "other"
    there = world.run("wedding", "caa", model="m2", kind="mean_difference")
    world.rollouts(there, SAMPLES, (2.0,), model="m2", asked=20)
    world.changed(there, ("caa", "m2", 2, 2.0, "near", "unsteered"), None)
    world.rollouts(caa, SAMPLES, MULTIPLIERS)


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Any, dict[Place, Drawn]]]:
    world = FeatureWorld()
    fill(world)
    home = tmp_path_factory.mktemp("features")
    with duckdb.connect(str(place(home))) as connection:
        world.write(connection)
        yield connection, world.truth


Grouped = dict[Place, list[dict[str, Any]]]


def of(filled: Any, name: str, **given: Any) -> Grouped:
    """Return the rows of an analysis, by what they are about."""
    found: Grouped = {}
    for row in rows(filled[0], name, **given):
        key = tuple(row[k] for k in ("method", "model", "layer", "multiplier", "sae", "stream"))
        found.setdefault(key, []).append(row)  # type: ignore[arg-type]
    return found


def fitted(filled: Any) -> dict[Place, Drawn]:
    return {key: drawn for key, drawn in filled[1].items() if key[0] != "random"}


def n_multipliers(key: Place) -> int:
    return 1 if key[1] == "m2" or key[2] == 5 else len(MULTIPLIERS)


@pytest.mark.parametrize("confidence", [0.95, 0.8])
def test_the_features_moved_most_are_ranked(filled: Any, confidence: float) -> None:
    found = of(filled, "top_features", confidence=confidence)
    assert found.keys() == fitted(filled).keys()
    for key, some in found.items():
        drawn = filled[1][key]
        size = np.abs(drawn.effect)
        wanted = sorted(drawn.stored(), key=lambda feature: (-size[feature], feature))[:10]
        assert [row["feature"] for row in some] == wanted
        assert [row["rank"] for row in some] == list(range(1, len(wanted) + 1))
        for row in some:
            change = drawn.change[:, row["feature"]]
            low, high = stats.ttest_1samp(change, 0).confidence_interval(confidence)
            steered = drawn.unsteered[:, row["feature"]] + change
            assert row["effect"] == pytest.approx(change.mean())
            assert (row["effect_low"], row["effect_high"]) == pytest.approx((low, high))
            assert row["standard_error"] == pytest.approx(stats.sem(change))
            assert row["steered_mean"] == pytest.approx(steered.mean())
            assert row["unsteered_mean"] == pytest.approx(steered.mean() - change.mean())
            aimed = None if drawn.targets is None else row["feature"] in drawn.targets
            assert (row["targeted"], row["n_rollouts"]) == (aimed, len(change))
            assert row["n_multipliers"] == n_multipliers(key)
    # Two features that are moved as much stand side by side, the lower number first.
    everything = of(filled, "top_features", most=99)
    for some in everything.values():
        order = [row["feature"] for row in some]
        if 20 in order:
            assert order.index(21) == order.index(20) + 1
    assert any(20 in [row["feature"] for row in some] for some in everything.values())


def test_only_the_layer_and_as_many_as_are_asked_for(filled: Any) -> None:
    assert {key[:3] for key in of(filled, "top_features", layer=5)} == {("row", "m", 5)}
    assert {key[:3] for key in of(filled, "targeted_mass", layer=5)} == {("row", "m", 5)}
    assert of(filled, "top_features", layer=7) == of(filled, "targeted_mass", layer=7) == {}
    assert {len(some) for some in of(filled, "top_features", most=2).values()} == {2}


def test_what_was_aimed_at_and_all_else_are_summed_up(filled: Any) -> None:
    found = of(filled, "targeted_mass")
    assert found.keys() == fitted(filled).keys()
    for key, (row,) in found.items():
        drawn, effect = filled[1][key], filled[1][key].effect
        targets = drawn.targets or {}
        others = [feature for feature in drawn.stored() if feature not in targets]
        largest = max(others, key=lambda feature: (abs(effect[feature]), -feature))
        assert row["untargeted_mass"] == pytest.approx(np.abs(effect[others]).sum())
        assert abs(row["largest_effect"]) == pytest.approx(abs(effect[largest]))
        assert row["largest_effect"] == pytest.approx(effect[row["largest_other"]])
        assert row["n_features"] == len(drawn.stored())
        assert (row["n_rollouts"], row["n_multipliers"]) == (len(drawn.change), n_multipliers(key))
        if drawn.targets is None:
            names = "n_targets targeted targeted_low targeted_high targeted_share".split()
            assert [row[name] for name in names] == [None] * 5
            continue
        assert row["n_targets"] == len(targets)
        signed = sum(effect[j] * np.sign(c) for j, c in targets.items())
        assert row["targeted"] == pytest.approx(signed)
        mass = np.abs(effect[list(targets)]).sum()
        assert row["targeted_share"] == pytest.approx(mass / (mass + np.abs(effect[others]).sum()))


def test_one_target_has_an_interval_and_its_sign_is_that_of_its_coefficient(filled: Any) -> None:
    for confidence in (0.95, 0.5):
        found = of(filled, "targeted_mass", confidence=confidence)
        for key, (row,) in found.items():
            if key[0] not in ("row", "against") or row["n_targets"] is None:
                assert row["targeted_low"] is row["targeted_high"] is None
                continue
            ((feature, coefficient),) = (AIMS[key[0]] or {}).items()
            change = filled[1][key].change[:, feature] * np.sign(coefficient)
            interval = stats.ttest_1samp(change, 0).confidence_interval(confidence)
            assert (row["targeted_low"], row["targeted_high"]) == pytest.approx(tuple(interval))


def test_an_autoencoder_or_layer_that_a_vector_is_not_made_of_has_no_targets(filled: Any) -> None:
    found = {key[2:]: row for key, (row,) in of(filled, "targeted_mass", method="row").items()}
    assert {key: row["n_targets"] for key, row in found.items()} == {
        (2, -4.0, "near", "unsteered"): 1,
        (2, 2.0, "near", "unsteered"): 1,
        (2, 2.0, "near", "steered"): 1,
        (2, 2.0, "far", "unsteered"): None,
        (5, 2.0, "near", "unsteered"): None,
    }


@pytest.mark.parametrize(
    ("filters", "methods"),
    [
        ({"experiment": "e"}, set(AIMS)),
        ({"experiment": "other"}, {"caa"}),
        ({"model": "m2"}, {"caa"}),
        ({"model": "m"}, set(AIMS)),
        ({"concept": "love"}, {"difference"}),
        ({"concept": "*e*"}, {"difference", "caa"}),
        ({"method": "s*"}, {"several"}),
        ({"method": "row", "model": "m2"}, set()),
        ({"concept": "wedding", "experiment": "other", "model": "m"}, {"caa"}),
    ],
)
def test_filters(filled: Any, filters: dict[str, str], methods: set[str]) -> None:
    for name in ("top_features", "targeted_mass"):
        found = of(filled, name, **filters)
        assert {key[0] for key in found} == methods
        if "model" in filters:
            assert {key[1] for key in found} <= {filters["model"]}


def test_random_vectors_are_told_apart_and_belong_to_their_parents_concept(filled: Any) -> None:
    for name in ("top_features", "targeted_mass"):
        found = of(filled, name, role="null")
        assert set(found) == {("random", "m", 2, 2.0, "near", "unsteered")}
        for row in next(iter(found.values())):
            assert (row["role"], row["fit_concept"]) == ("null", "wedding")
            assert row["targeted"] is None
        assert of(filled, name, role="null", concept="wedding") == found
        assert of(filled, name, role="null", concept="love") == {}


def test_what_is_missing_is_said(filled: Any) -> None:
    for name in ("top_features", "targeted_mass"):
        complete = {
            key: {row["complete"] for row in some} for key, some in of(filled, name).items()
        }
        assert {key[1] for key, said in complete.items() if said == {False}} == {"m2"}
        assert {key[1] for key, said in complete.items() if said == {True}} == {"m"}


def test_each_effect_is_there_once_with_the_coefficient_that_it_was_given(filled: Any) -> None:
    connection, truth = filled
    found = connection.execute("""
        select method, model, layer, multiplier, sae, stream, feature, effect, targeted, n_targets,
            coefficient, n_absent
        from asked_feature_effects(null, null, null, null, 'fitted') order by all
    """).fetchall()
    wanted = []
    for key, drawn in fitted(filled).items():
        for feature in drawn.stored():
            aims = drawn.targets
            aimed = (None, None) if aims is None else (feature in aims, len(aims))
            absent = 8 if key[1] == "m2" else 0
            about = (*aimed, (aims or {}).get(feature), absent)
            wanted.append((*key, feature, pytest.approx(drawn.effect[feature]), *about))
    assert found == sorted(wanted, key=lambda row: row[:7])
    assert len(truth) == len(fitted(filled)) + 1


def test_a_target_below_the_floor_counts_and_one_without_a_row_is_not_known(
    tmp_path: Path,
) -> None:
    world = FeatureWorld()
    world.sae("near")
    for method, aims, gone in (
        ("still", {4: 1.0}, []),
        ("old", {4: 1.0}, [4]),
        ("part", {4: 1.0, 6: 1.0}, [4]),
    ):
        run_id = world.run(None, method, kind="sae_decoder")
        world.aim(run_id, aims, "near")
        world.rollouts(run_id, SAMPLES)
        key: Place = (method, "m", 2, 1.0, "near", "unsteered")
        drawn = world.changed(run_id, key, aims)
        drawn.change[:, 4] = np.resize([0.001, -0.001, 0.002], len(drawn.change))
        drawn.change[:, 6] = 1.0
        for feature in aims:
            world.effect(run_id, key, feature, drawn)
        for feature in gone:
            lost = [k for k, row in world.rows["feature_effect"].items() if (row["run_id"], row["feature"]) == (run_id, feature)]  # fmt: skip
            del world.rows["feature_effect"][lost[0]]
    with duckdb.connect(str(place(tmp_path))) as connection:
        world.write(connection)
        found = {row["method"]: row for row in rows(connection, "targeted_mass")}
    names = ("n_targets", "targeted", "targeted_low", "targeted_high", "targeted_share")
    still = found["still"]
    change = world.truth["still", "m", 2, 1.0, "near", "unsteered"].change[:, 4]
    low, high = stats.ttest_1samp(change, 0).confidence_interval()
    assert [still[name] for name in names[:4]] == [1, *map(pytest.approx, (change.mean(), low, high))]  # fmt: skip
    assert 0 < still["targeted_share"] < 0.01
    assert [found["old"][name] for name in names] == [1, None, None, None, None]
    assert [found["part"][name] for name in names] == [2, None, None, None, None]
    assert all(row["untargeted_mass"] > 0 for row in found.values())


def test_one_pair_of_rollouts_has_no_interval(tmp_path: Path) -> None:
    world = FeatureWorld(prompts=("",))
    world.sae("near")
    run_id = world.run(None, "row", kind="sae_decoder")
    world.aim(run_id, {3: 1.0}, "near")
    world.rollouts(run_id, 1)
    drawn = world.changed(run_id, ("row", "m", 2, 1.0, "near", "unsteered"), {3: 1.0}, pairs=1)
    with duckdb.connect(str(place(tmp_path))) as connection:
        world.write(connection)
        top = rows(connection, "top_features")
        (mass,) = rows(connection, "targeted_mass")
    assert {(row["effect_low"], row["effect_high"], row["n_rollouts"]) for row in top} == {(None, None, 1)}  # fmt: skip
    assert mass["targeted"] == pytest.approx(drawn.effect[3])
    assert (mass["targeted_low"], mass["targeted_high"]) == (None, None)
