from __future__ import annotations

from typing import Any

import duckdb
import numpy as np
import pytest
import scipy.stats as st

from tests.analysis import clustered
from tests.analysis.conftest import Ask, rows
from tests.analysis.truth import Synthetic


def by_layer(ask: Ask, **given: Any) -> dict[int, dict[str, Any]]:
    found = ask("steerability", concept="concept0", **given)
    return {row["layer"]: row for row in found if row["variant"] == "base"}


@pytest.mark.parametrize("layer", [0, 1, 2])
@pytest.mark.parametrize("split", ["validation", "test"])
def test_mean_spread_and_fractions(ask: Ask, made: Synthetic, layer: int, split: str) -> None:
    slopes = made.slopes(made.fitted(), layer, split)
    row = by_layer(ask, split=split)[layer]
    assert row["n_items"] == slopes.size
    assert row["steerability"] == pytest.approx(slopes.mean(), abs=1e-9)
    assert row["sd_slope"] == pytest.approx(slopes.std(ddof=1), abs=1e-9)
    assert row["median_slope"] == pytest.approx(np.median(slopes), abs=1e-9)
    assert row["anti_steerable_fraction"] == pytest.approx((slopes <= -1e-3).mean())
    assert row["unmoved_fraction"] == pytest.approx((abs(slopes) < 1e-3).mean())
    assert row["anti_steerable_fraction_tan"] == pytest.approx(1 - (slopes > 0).mean())
    assert (row["n_multipliers"], row["multiplier_bound"], row["slope_floor"]) == (7, 1.5, 1e-3)
    assert row["complete"] is True


def test_degenerate_layers_are_marked(ask: Ask) -> None:
    assert [row["degenerate"] for row in by_layer(ask).values()] == [True, False, False]


@pytest.mark.parametrize("bound", [0.5, 1.0])
def test_multiplier_bound(ask: Ask, made: Synthetic, bound: float) -> None:
    row = by_layer(ask, multiplier_bound=str(bound))[1]
    expected = made.slopes(made.fitted(), 1, bound=bound).mean()
    assert row["steerability"] == pytest.approx(expected, abs=1e-9)
    assert row["multiplier_bound"] == bound


@pytest.mark.parametrize("confidence", [0.8, 0.95])
def test_interval_is_statsmodels_by_question(ask: Ask, made: Synthetic, confidence: float) -> None:
    run = made.fitted()
    slopes, questions = made.slopes(run, 1), made.questions(run)
    row = by_layer(ask, confidence=str(confidence))[1]
    assert row["n_questions"] == len(set(questions)) < slopes.size
    assert row["standard_error"] == pytest.approx(clustered.mean(slopes, questions).bse[0])
    assert (row["steerability_low"], row["steerability_high"]) == pytest.approx(
        clustered.mean_interval(slopes, questions, confidence), rel=1e-9
    )


@pytest.mark.parametrize("layer", [0, 1])
def test_fractions_have_widened_wilson_intervals_on_effective_items(
    ask: Ask, made: Synthetic, layer: int
) -> None:
    run = made.fitted()
    row = by_layer(ask)[layer]
    slopes, questions = made.slopes(run, layer), made.questions(run)
    for name, hit in (("anti_steerable", slopes <= -1e-3), ("unmoved", abs(slopes) < 1e-3)):
        expected = clustered.hits_interval(hit, questions)
        assert (row[f"{name}_low"], row[f"{name}_high"]) == pytest.approx(expected, abs=1e-9)


def test_r2(ask: Ask, made: Synthetic) -> None:
    grid = np.array([0.0, *made.shape.multipliers])
    expected = [np.corrcoef(grid, curve)[0, 1] ** 2 for curve in made.curves(made.fitted(), 1)]
    assert by_layer(ask)[1]["r2"] == pytest.approx(np.mean(expected), abs=1e-9)


def nulls(made: Synthetic, kind: str) -> np.ndarray:
    found = [r for r in made.runs if (r.kind, r.concept, r.variant) == (kind, "concept0", "base")]
    return np.array([made.slopes(run, 1).mean() for run in found])


@pytest.mark.parametrize("kind", ["random", "label_shuffled"])
def test_null_p(ask: Ask, made: Synthetic, kind: str) -> None:
    values, k = nulls(made, kind), getattr(made.shape, kind)
    own = made.slopes(made.fitted(), 1).mean()
    t = (own - values.mean()) / (values.std(ddof=1) * np.sqrt(1 + 1 / k))
    row = by_layer(ask)[1]
    assert row[f"{kind}_n"] == k == values.size
    assert row[f"{kind}_mean"] == pytest.approx(values.mean(), abs=1e-9)
    assert row[f"{kind}_sd"] == pytest.approx(values.std(ddof=1), abs=1e-9)
    assert row[f"{kind}_t"] == pytest.approx(t, rel=1e-7)
    assert row[f"{kind}_p"] == pytest.approx(2 * st.t.sf(abs(t), k - 1), rel=1e-6)
    assert row[f"{kind}_rank_p"] == pytest.approx((1 + (abs(values) >= abs(own)).sum()) / (k + 1))
    assert row["nulls"] == "5 random, 4 label_shuffled"


def test_rows_without_nulls_say_so(ask: Ask) -> None:
    row = by_layer(ask)[2]
    assert row["nulls"] == "no null"
    assert all(v is None for k, v in row.items() if k.startswith(("random_", "label_shuffled_")))


@pytest.mark.parametrize("kind", ["random", "label_shuffled"])
def test_q_is_scipys_over_the_rows_shown(ask: Ask, kind: str) -> None:
    for given in ({}, {"concept": "concept1"}):
        found = [row for row in ask("steerability", **given) if row[f"{kind}_p"] is not None]
        expected = st.false_discovery_control([row[f"{kind}_p"] for row in found])
        assert len(found) in (2, 4)
        assert [row[f"{kind}_q"] for row in found] == pytest.approx(expected, rel=1e-9)


def test_equal_p_values_share_their_q(writable: duckdb.DuckDBPyConnection) -> None:
    """Nulls that all moved alike have no spread: t, p and q are null, and the others' q holds."""
    writable.execute(
        "update measurement set logit_diff = 0 where run_id in (select run_id from run_card "
        "where method = 'random' and concept = 'concept0' and variant = 'base')"
    )
    writable.execute("update baseline set logit_diff = 0")
    found = rows(writable, "steerability")
    flat = [r for r in found if (r["concept"], r["variant"], r["layer"]) == ("concept0", "base", 1)]
    assert flat[0]["random_sd"] == 0
    assert (flat[0]["random_t"], flat[0]["random_p"], flat[0]["random_q"]) == (None, None, None)
    rest = [row["random_p"] for row in found if row["random_p"] is not None]
    assert len(rest) == 3
    assert [r["random_q"] for r in found if r["random_q"] is not None] == pytest.approx(
        st.false_discovery_control(rest)
    )


def test_filters(ask: Ask) -> None:
    assert {row["concept"] for row in ask("steerability")} == {"concept0", "concept1"}
    assert {row["concept"] for row in ask("steerability", concept=["*1"])} == {"concept1"}
    assert len(ask("steerability", experiment="synth*", method="mean_*", model="model0")) == 12
    assert ask("steerability", method="random") == []
    assert {row["method"] for row in ask("steerability", method="random", role="null")} == {
        "random"
    }


def test_incomplete_cells_are_marked(writable: duckdb.DuckDBPyConnection) -> None:
    ((run_id, item_id),) = writable.execute(
        "select run_id, item_id from sweep where role = 'fitted' and split = 'test' and layer = 2 "
        "order by all limit 1"
    ).fetchall()
    writable.execute(
        "delete from measurement where run_id = ? and item_id = ? and layer = 2 and multiplier = 1",
        [run_id, item_id],
    )
    incomplete = [r for r in rows(writable, "steerability") if not r["complete"]]
    assert [(r["run_id"], r["layer"], r["n_multipliers"]) for r in incomplete] == [(run_id, 2, 6)]


def test_the_view_says_the_same(ask: Ask, connection: duckdb.DuckDBPyConnection) -> None:
    shared = [
        "model", "concept", "variant", "method", "fit_concept", "fit_variant", "norm", "operator",
        "scope", "split", "layer", "degenerate", "n_items", "n_questions", "n_multipliers",
        "steerability", "sd_slope", "median_slope", "anti_steerable_fraction", "unmoved_fraction",
        "anti_steerable_fraction_tan", "r2", "complete",
    ]  # fmt: skip
    view = connection.execute(
        f"select {', '.join(shared)} from steerability where role = 'fitted' and split = 'test' "
        "order by model, concept, method, fit_variant, variant, layer"
    ).fetchall()
    ours = [tuple(row[name] for name in shared) for row in ask("steerability")]
    assert len(ours) == len(view) == 12
    for mine, theirs in zip(ours, view, strict=True):
        assert mine == pytest.approx(theirs)
