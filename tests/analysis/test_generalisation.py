"""The analyses of generalisation, by hand and against numpy, on made-up tables."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import duckdb
import numpy as np
import pytest
import scipy.stats as st

from tests.analysis.conftest import rows
from tests.analysis.tables import fill, warehouse, words

VARIANTS = ("base", "user_positive")


@pytest.fixture(scope="module")
def world() -> Iterator[Any]:
    """Two models, twelve concepts, both fits x both variants; 10 questions, some with two items."""
    draw = np.random.default_rng(11)
    question = np.repeat(np.arange(10), draw.integers(1, 3, 10))
    slopes: dict[tuple[str, str, str, str], np.ndarray] = {}
    columns: dict[str, list[Any]] = {name: [] for name in "model concept variant fit_variant question item slope baseline".split()}  # fmt: skip
    baselines = {}
    for concept in words("c", np.arange(12)):
        quality = draw.normal(1, 1)
        for model in ("m1", "m2"):
            for variant in VARIANTS:
                base = draw.normal(size=question.size).astype(np.float32).astype(float)
                baselines[model, concept, variant] = base
                for fit in VARIANTS:
                    slope = quality + draw.normal(0, 0.5) + draw.normal(0, 0.6, question.size)
                    slopes[model, concept, fit, variant] = slope
                    n = question.size
                    for name, values in zip(columns, ([model] * n, [concept] * n, [variant] * n, [fit] * n, question, range(n), slope, base), strict=True):  # fmt: skip
                        columns[name] += list(values)
    with warehouse() as connection:
        fill(connection, **{name: np.array(values) for name, values in columns.items()})
        yield connection, slopes, baselines, question


def cluster(a: np.ndarray, b: np.ndarray, question: np.ndarray) -> tuple[float, float, float]:
    """Return variances and covariance of two means over items, CR1 by question."""
    left = np.bincount(question, a - a.mean())
    right = np.bincount(question, b - b.mean())
    k = left.size
    scale = k / (k - 1) / a.size**2
    return scale * left @ left, scale * right @ right, scale * left @ right


def test_the_grid_has_every_cell_with_its_interval(world: Any) -> None:
    connection, slopes, _, question = world
    found = rows(connection, "generalisation_grid")
    assert len(found) == 2 * 12 * 4
    for row in found:
        slope = slopes[row["model"], row["concept"], row["fit_variant"], row["variant"]]
        half = st.t.ppf(0.975, 9) * cluster(slope, slope, question)[0] ** 0.5
        assert row["steerability"] == pytest.approx(slope.mean(), abs=1e-6)
        assert row["steerability_high"] - row["steerability"] == pytest.approx(half, rel=1e-5)
        assert row["anti_steerable_fraction"] == pytest.approx((slope < -1e-3).mean())
        assert row["in_distribution"] == (row["fit_variant"] == row["variant"])
        assert (row["nulls"], row["null_q"], row["complete"]) == ("no null", None, True)


@pytest.mark.parametrize("reference", ["target", "source"])
def test_relative_steerability_is_fiellers(world: Any, reference: str) -> None:
    connection, slopes, _, question = world
    found = rows(connection, "relative_steerability", reference=reference)
    assert len(found) == 2 * 12 * 2
    assert {row["denominator"] for row in found} == {"clear", "unclear"}
    for row in found:
        own = (row["variant"],) * 2 if reference == "target" else (row["fit_variant"],) * 2
        a = slopes[row["model"], row["concept"], row["fit_variant"], row["variant"]]
        b = slopes[row["model"], row["concept"], *own]
        va, vb, c = cluster(a, b, question)
        t = st.t.ppf(0.975, 9)
        assert row["difference"] == pytest.approx(a.mean() - b.mean(), abs=1e-6)
        error = (va + vb - 2 * c) ** 0.5
        assert row["difference_p"] == pytest.approx(2 * st.t.sf(abs(a.mean() - b.mean()) / error, 9), rel=1e-4)  # fmt: skip
        assert (row["relative_tan"] is None) == (b.mean() <= 0.25)
        if b.mean() ** 2 <= t * t * vb:
            assert row["denominator"] == "unclear"
            assert (
                row["relative_steerability"] is row["relative_low"] is row["relative_high"] is None
            )
            continue
        ends = np.roots([b.mean() ** 2 - t * t * vb, -2 * (a.mean() * b.mean() - t * t * c), a.mean() ** 2 - t * t * va])  # fmt: skip
        ends = sorted(ends * np.sign(b.mean()))
        assert (row["relative_low"], row["relative_high"]) == pytest.approx(
            ends, rel=1e-3, abs=1e-4
        )
        assert row["relative_steerability"] == pytest.approx(a.mean() / abs(b.mean()), rel=1e-5)


def test_relative_steerability_without_leaked_or_doubtful_items(world: Any) -> None:
    connection, slopes, _, question = world
    leaked, doubtful = question < 3, (question == 3) | (question == 4)
    connection.execute("begin")
    try:
        connection.execute(
            "insert into dataset_item by name select dataset_id, row, dataset_item.item_id, "
            "'train' as split from dataset_item inner join item using (item_id) "
            "where split_part(question_id, '/', 2)::integer < 3"
        )
        connection.execute(
            "insert into cell select run_id, 0, multiplier, 'test', 0, 1, 'e' "
            "from measurement group by all"
        )
        connection.execute(
            "update dataset_item set label_confidence = if(number in ('3', '4'), 0.7, null) from "
            "(select item_id, split_part(question_id, '/', 2) as number from item) as known "
            "where known.item_id = dataset_item.item_id"
        )
        for name, gone in {
            "all": leaked & doubtful,
            "without_leaked": leaked,
            "without_low_confidence": doubtful,
            "without_both": leaked | doubtful,
        }.items():
            for row in rows(connection, "relative_steerability", items=name, concept="c3"):
                slope = slopes[row["model"], "c3", row["fit_variant"], row["variant"]][~gone]
                assert row["steerability"] == pytest.approx(slope.mean(), abs=1e-6)
                assert row["n_items"] == slope.size
            (one, *_) = rows(connection, "id_ood_correlation", items=name, model="m1")
            cell = "m1", one["fit_variant"], one["variant"]
            own = [slopes["m1", f"c{n}", *cell[1:]][~gone].mean() for n in range(12)]
            assert one["mean_steerability"] == pytest.approx(np.mean(own), abs=1e-6)
    finally:
        connection.execute("rollback")


def means(slopes: Any, model: str, fit: str, variant: str) -> list[float]:
    return [slopes[model, concept, fit, variant].mean() for concept in words("c", np.arange(12))]


def test_id_ood_correlation_over_concepts(world: Any) -> None:
    connection, slopes, _, _ = world
    found = rows(connection, "id_ood_correlation", draws="200")
    assert len(found) == 2 * 3
    for row in found:
        x = means(slopes, row["model"], "base", "base")
        y = means(slopes, row["model"], row["fit_variant"], row["variant"])
        assert row["n_concepts"] == 12
        assert row["spearman"] == pytest.approx(st.spearmanr(x, y).statistic, abs=1e-9)
        assert row["pearson"] == pytest.approx(st.pearsonr(x, y).statistic, abs=1e-5)
        assert row["bootstrap_low"] < row["spearman"] < row["bootstrap_high"]
        assert 0 < row["noise_share"] < 0.2
        assert row["mean_steerability"] == pytest.approx(np.mean(y), abs=1e-5)
    narrowed = rows(connection, "id_ood_correlation", concept=["c0", "c1", "c2"], model="m1")
    assert [row["n_concepts"] for row in narrowed] == [3, 3, 3]


def test_cross_model_correlation_over_concepts(world: Any) -> None:
    connection, slopes, _, _ = world
    found = rows(connection, "cross_model_correlation", layer="0", draws="50")
    assert len(found) == 4
    for row in found:
        cell = row["fit_variant"], row["variant"]
        x, y = means(slopes, "m1", *cell), means(slopes, "m2", *cell)
        assert (row["model_a"], row["model_b"]) == ("m1", "m2")
        assert row["spearman"] == pytest.approx(st.spearmanr(x, y).statistic, abs=1e-9)
    assert rows(connection, "cross_model_correlation", model="m1", layer="0") == []


def test_variant_distance(world: Any) -> None:
    connection, _, baselines, question = world
    found = rows(connection, "variant_distance")
    assert len(found) == 2 * 12
    for row in found:
        a = baselines[row["model"], row["concept"], "base"]
        b = baselines[row["model"], row["concept"], "user_positive"]
        assert (row["variant_a"], row["variant_b"]) == ("base", "user_positive")
        assert row["distance"] == pytest.approx(abs(b - a).mean())
        half = st.t.ppf(0.975, 9) * cluster(abs(b - a), abs(b - a), question)[0] ** 0.5
        assert row["distance_high"] - row["distance"] == pytest.approx(half)
        assert row["shift"] == pytest.approx((b - a).mean())
        assert row["changed"] == pytest.approx(((a > 0) != (b > 0)).mean())
        assert row["spearman"] == pytest.approx(st.spearmanr(a, b).statistic)
        assert row["complete"]


def test_no_shift_is_said_to_be_none(empty: duckdb.DuckDBPyConnection) -> None:
    fill(empty, variant=np.repeat(VARIANTS, 5), question=np.tile(np.arange(5), 2), slope=np.ones(10), baseline=0.5)  # fmt: skip
    (row,) = rows(empty, "variant_distance")
    assert (row["distance"], row["shift"], row["changed"], row["shift_p"]) == (0, 0, 0, 1)


def test_nulls_of_the_grid(empty: duckdb.DuckDBPyConnection) -> None:
    null = np.random.default_rng(2).normal(0, 0.4, 8)
    fill(
        empty,
        method=np.repeat(["mean_difference", "random"], [6, 48]),
        number=np.repeat(["", *words("", np.arange(8))], 6),
        question=np.tile(np.arange(6), 9),
        slope=np.concatenate([np.full(6, 1.5), np.repeat(null, 6)]),
    )
    (row,) = rows(empty, "generalisation_grid")
    t = (1.5 - null.mean()) / (null.std(ddof=1) * (1 + 1 / 8) ** 0.5)
    assert row["nulls"] == "8 random"
    assert row["random_p"] == pytest.approx(2 * st.t.sf(abs(t), 7), rel=1e-4)
    assert row["null_q"] == row["null_p"] == row["random_p"]


def test_degenerate_vectors_count_nowhere(empty: duckdb.DuckDBPyConnection) -> None:
    fill(empty, concept=np.repeat(["c", "d", "e", "f"], 6), variant=np.tile(np.repeat(VARIANTS, 3), 4), question=np.tile(np.arange(3), 8), slope=np.arange(24.0))  # fmt: skip
    empty.execute("update vector_layer set degenerate = vector_id like 'm|f|%'")
    (row,) = rows(empty, "id_ood_correlation")
    assert row["n_concepts"] == 3
    assert row["spearman"] == 1


def test_one_question_has_no_intervals(empty: duckdb.DuckDBPyConnection) -> None:
    columns = {"fit_variant": np.repeat(VARIANTS, 2), "variant": np.tile(VARIANTS, 2)}
    fill(
        empty,
        slope=np.array([1.0, 2.0, 3.0, 4.0]),
        baseline=np.array([1.0, 2.0, 1.0, 2.0]),
        **columns,
    )
    for row in rows(empty, "relative_steerability"):
        assert row["difference"] != 0
        for (
            name
        ) in "relative_steerability relative_low denominator difference_low difference_q".split():
            assert row[name] is None, name
    (row,) = rows(empty, "variant_distance")
    assert (row["distance"], row["distance_low"], row["distance_high"]) == (1, None, None)


def test_what_is_below_the_models_own_error_is_no_difference(
    empty: duckdb.DuckDBPyConnection,
) -> None:
    """A shift by 5e-4, the same in every item, is sure and yet nothing."""
    columns = {"fit_variant": np.repeat(VARIANTS, 5), "variant": "user_positive"}
    slope = np.repeat([1.0, 1.0005], 5) + np.tile([0.3, 0.1, -0.2, 0.0, -0.1], 2)
    fill(empty, slope=slope, question=np.tile(np.arange(5), 2), **columns)
    (row,) = rows(empty, "relative_steerability")
    assert (row["difference"], row["difference_p"]) == (pytest.approx(-5e-4, abs=1e-6), 1)
