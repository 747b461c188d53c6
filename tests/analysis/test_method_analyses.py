"""Methods side by side, and beside plain asking, against numpy, scipy and statsmodels."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import duckdb
import numpy as np
import pytest
import scipy.stats as st
from statsmodels.stats.multitest import multipletests

from tests.analysis import clustered, tables
from tests.analysis.conftest import rows
from tests.analysis.tables import fill, warehouse

METHODS = ("lda", "mean_difference", "pca")
VARIANTS = ("base", "system_negative", "system_positive")
CONCEPTS = tuple(f"c{n}" for n in range(8))
QUESTION = np.repeat(np.arange(12), 2)[:-1]  # one question has one item
FLOOR = 1e-3


class World(NamedTuple):
    connection: duckdb.DuckDBPyConnection
    slopes: dict[tuple[str, str, str], np.ndarray]
    """(concept, method, variant) -> slopes of items."""
    baselines: dict[tuple[str, str], np.ndarray]
    """(concept, variant) -> unsteered logit differences of items."""


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    draw, n = np.random.default_rng(5), QUESTION.size
    slopes, baselines, parts = {}, {}, []
    for concept in CONCEPTS:
        quality = draw.normal(0.7, 0.6)
        for variant in VARIANTS:
            baseline = draw.normal({"system_positive": 1.0}.get(variant, 0.0), 1, n)
            baselines[concept, variant] = baseline
            for method, gain in zip(METHODS, (1.0, 0.8, 0.5), strict=True):
                slope = gain * quality + draw.normal(0, 0.1) + draw.normal(0, 0.5, n)
                slopes[concept, method, variant] = slope
                parts.append((concept, variant, method, slope, baseline))
    columns = {
        "concept": np.repeat([part[0] for part in parts], n),
        "variant": np.repeat([part[1] for part in parts], n),
        "method": np.repeat([part[2] for part in parts], n),
        "slope": np.concatenate([part[3] for part in parts]),
        "baseline": np.concatenate([part[4] for part in parts]),
        "question": np.tile(QUESTION, len(parts)),
        "item": np.tile(np.arange(n), len(parts)),
    }
    with warehouse() as connection:
        fill(connection, **columns)
        yield World(connection, slopes, baselines)


def test_methods_are_compared_on_the_same_questions(world: World) -> None:
    found = rows(world.connection, "method_comparison", layer="0")
    assert len(found) == len(world.slopes)
    p = []
    for row in found:
        slope = world.slopes[row["concept"], row["method"], row["variant"]]
        own = (row["steerability_low"], row["steerability_high"])
        assert own == pytest.approx(clustered.mean_interval(slope, QUESTION), abs=1e-5)
        assert row["following_fraction"] == pytest.approx((slope >= FLOOR).mean())
        follow = (row["following_low"], row["following_high"])
        assert follow == pytest.approx(clustered.hits_interval(slope >= FLOOR, QUESTION), abs=1e-6)
        if row["method"] == "mean_difference":
            assert row["difference"] is row["p_holm"] is row["reference_method"] is None
            continue
        other = slope - world.slopes[row["concept"], "mean_difference", row["variant"]]
        assert row["difference"] == pytest.approx(other.mean(), abs=1e-6)
        ends = (row["difference_low"], row["difference_high"])
        assert ends == pytest.approx(clustered.mean_interval(other, QUESTION), abs=1e-5)
        fit = clustered.mean(other, QUESTION)
        assert row["p"] == pytest.approx(fit.pvalues[0], abs=1e-5)
        p.append(row["p"])
    holm = [row["p_holm"] for row in found if row["p_holm"] is not None]
    assert holm == pytest.approx(multipletests(p, method="holm")[1])


def test_the_reference_may_be_another(world: World) -> None:
    found = rows(world.connection, "method_comparison", layer="0", reference="pc*", method="lda")
    assert {(row["method"], row["reference_method"]) for row in found} == {("lda", "pca")}
    spread = [row["relative_spread"] for row in found]
    assert None in spread  # a mean that cannot be told from 0 divides nothing
    for row in found:
        slope = world.slopes[row["concept"], "lda", row["variant"]]
        if row["relative_spread"] is not None:
            assert row["relative_spread"] == pytest.approx(slope.std(ddof=1) / abs(slope.mean()), rel=1e-4)  # fmt: skip


def test_reliability_over_concepts(world: World) -> None:
    found = {row["method"]: row for row in rows(world.connection, "method_reliability", layer="0")}
    assert list(found) == sorted(METHODS, key=lambda m: -found[m]["following_fraction"])
    home = {m: [world.slopes[c, m, "base"] for c in CONCEPTS] for m in METHODS}
    p = {}
    for method, row in found.items():
        means = [slope.mean() for slope in home[method]]
        follow = np.array([(slope >= FLOOR).mean() for slope in home[method]])
        assert (row["n_concepts"], row["n_shifted"]) == (8, 8)
        half = st.t.ppf(0.975, 7) * st.sem(means)
        assert row["steerability"] == pytest.approx(np.mean(means), abs=1e-6)
        assert row["steerability_high"] - row["steerability"] == pytest.approx(half, abs=1e-5)
        assert row["following_fraction"] == pytest.approx(follow.mean())
        assert row["least_following"] == pytest.approx(follow.min())
        shifted = [
            np.mean([world.slopes[c, method, v].mean() for v in VARIANTS[1:]]) for c in CONCEPTS
        ]
        gap = np.array(shifted) - means
        assert row["shift"] == pytest.approx(gap.mean(), abs=1e-6)
        assert row["shift_high"] - row["shift"] == pytest.approx(
            st.t.ppf(0.975, 7) * st.sem(gap), abs=1e-5
        )
        assert row["shift_spearman"] == pytest.approx(st.spearmanr(means, shifted).statistic)
        if method != "mean_difference":
            reference = [(slope >= FLOOR).mean() for slope in home["mean_difference"]]
            paired = st.ttest_rel(follow, reference)
            assert row["following_difference"] == pytest.approx((follow - reference).mean())
            assert row["following_p"] == pytest.approx(paired.pvalue)
            p[method] = paired.pvalue
    holm = multipletests(list(p.values()), method="holm")[1]
    assert [found[m]["following_p_holm"] for m in p] == pytest.approx(holm)
    assert found["mean_difference"]["following_p_holm"] is None


def test_asking_is_half_the_difference_of_two_prompts(world: World) -> None:
    found = rows(world.connection, "prompt_baseline", layer="0")
    assert len(found) == len(CONCEPTS) * len(METHODS)
    for row in found:
        concept = row["concept"]
        asked = world.baselines[concept, "system_positive"].astype(np.float32).astype(float)
        asked = (asked - world.baselines[concept, "system_negative"].astype(np.float32)) / 2
        slope = world.slopes[concept, row["method"], "base"]
        assert row["prompt"] == "system"
        assert row["prompt_effect"] == pytest.approx(asked.mean(), abs=1e-6)
        ends = (row["prompt_low"], row["prompt_high"])
        assert ends == pytest.approx(clustered.mean_interval(asked, QUESTION), abs=1e-5)
        ends = (row["difference_low"], row["difference_high"])
        assert ends == pytest.approx(clustered.mean_interval(slope - asked, QUESTION), abs=1e-5)
        assert row["prompt_wrong_fraction"] == pytest.approx((asked <= -FLOOR).mean())
        assert row["correlation"] == pytest.approx(np.corrcoef(slope, asked)[0, 1], abs=1e-4)
        low, high = clustered.mean_interval(slope, QUESTION)
        if low <= 0 <= high:
            assert row["equal_multiplier"] is row["equal_multiplier_low"] is None
        else:
            expected = asked.mean() / abs(slope.mean())
            assert row["equal_multiplier"] == pytest.approx(expected, rel=1e-4)
            assert row["equal_multiplier_low"] < expected < row["equal_multiplier_high"]


def test_without_both_prompts_there_is_no_baseline(world: World) -> None:
    world.connection.execute("begin")
    try:
        world.connection.execute("delete from name where name = 'system_negative'")
        assert rows(world.connection, "prompt_baseline", layer="0") == []
    finally:
        world.connection.execute("rollback")


def test_interference_of_every_method_beside_its_length() -> None:
    """Vectors of c0 and c1 on three concepts: errors taken out of the mean square, home beside."""
    draw, n = np.random.default_rng(9), QUESTION.size
    gain = {"lda": 0.1, "pca": 0.4}
    parts = [
        (fit, concept, method, (1.0 if fit == concept else gain[method]) + draw.normal(0, 0.2, n))
        for method in gain
        for fit in ("c0", "c1")
        for concept in ("c0", "c1", "c2")
    ]
    with tables.warehouse() as connection:
        fill(
            connection,
            fit_concept=np.repeat([part[0] for part in parts], n),
            concept=np.repeat([part[1] for part in parts], n),
            method=np.repeat([part[2] for part in parts], n),
            slope=np.concatenate([part[3] for part in parts]),
            question=np.tile(QUESTION, len(parts)),
            item=np.tile(np.arange(n), len(parts)),
        )
        found = rows(connection, "method_side_effects", layer="0")
        pairs = rows(connection, "side_effects")
    assert [(row["method"], row["n_vectors"], row["n_pairs"]) for row in found] == [
        ("lda", 2, 4),
        ("pca", 2, 4),
    ]
    for row in found:
        here = [part for part in parts if part[2] == row["method"]]
        away = [slope for fit, concept, _, slope in here if fit != concept]
        home = np.mean([slope.mean() for fit, concept, _, slope in here if fit == concept])
        ends = [clustered.mean_interval(slope, QUESTION) for slope in away]
        t = st.t.ppf(0.975, len(set(QUESTION)) - 1)
        errors = [(high - low) / 2 / t for low, high in ends]
        square = np.mean([s.mean() ** 2 - e**2 for s, e in zip(away, errors, strict=True)])
        assert row["interference"] == pytest.approx(np.sqrt(square), abs=1e-5)
        assert row["own_steerability"] == pytest.approx(home, abs=1e-5)
        assert row["relative"] == pytest.approx(np.sqrt(square) / home, abs=1e-5)
        assert row["relative_length"] == pytest.approx(0.1)
        largest = max(away, key=lambda slope: abs(slope.mean()))
        assert row["largest"] == pytest.approx(largest.mean(), abs=1e-5)
        assert row["complete"]
    assert {row["relative_length"] for row in pairs} == {0.1}
