"""Damage analyses against numpy on the same rows, and against what was planted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from tests.analysis.conftest import Ask, rows
from tests.analysis.synthetic import identity
from tests.analysis.synthetic_damage import TEXTS, WIDTH
from tests.analysis.test_notes import notes
from tests.analysis.truth import Shape, Synthetic

X = np.array(Shape().multipliers)


def damage_run(made: Synthetic, concept: str = "concept0") -> str:
    model = identity("model", "model0")
    return identity("run", identity("evaluation", model, "texts"), made.fitted(concept).vector_id)


def crossing(curve: np.ndarray, level: float, side: int) -> float | None:
    """Return where mean damage [multipliers] first reaches a level, by numpy."""
    mine = np.sign(X) == side
    order = np.argsort(np.abs(X[mine]))
    strength = np.concatenate([[0.0], np.abs(X[mine])[order]])
    damage = np.concatenate([[0.0], curve[mine][order]])
    reached = np.flatnonzero(damage >= level)
    if not len(reached):
        return None
    k = reached[0]
    return side * float(np.interp(level, damage[k - 1 : k + 1], strength[k - 1 : k + 1]))


def test_curve_means_and_intervals_are_those_of_scipy(ask: Ask, made: Synthetic) -> None:
    run_id = damage_run(made)
    found = [row for row in ask("damage_curve") if row["run_id"] == run_id]
    assert len(found) == 3 * len(X)
    for row in found:
        kl = made.damage[run_id][row["layer"], list(X).index(row["multiplier"])]
        rise = kl * (0.5 if row["multiplier"] > 0 else -0.1)
        assert row["kl"] == pytest.approx(kl.mean())
        assert row["cross_entropy_rise"] == pytest.approx(rise.mean())
        if row["layer"] == 0:
            continue
        for name, values in (("kl", kl), ("cross_entropy_rise", rise)):
            low, high = stats.t.interval(0.95, TEXTS - 1, values.mean(), stats.sem(values))
            assert (row[f"{name}_low"], row[f"{name}_high"]) == pytest.approx((low, high))
        assert (row["n_texts"], row["n_tokens"], row["n_multipliers"]) == (TEXTS, 300, len(X))
        assert row["cross_entropy"] == 3
        assert row["complete"]


def test_the_bound_is_passed_where_a_straight_line_does(ask: Ask, made: Synthetic) -> None:
    run_id = damage_run(made)
    means = made.damage[run_id].mean(-1)
    for bound in ("0.02", "0.5", "1"):
        for row in ask("damage_curve", bound=bound):
            if row["run_id"] != run_id:
                continue
            for side, name in ((-1, "bound_below"), (1, "bound_above")):
                expected = crossing(means[row["layer"]], float(bound), side)
                assert row[name] == (expected if expected is None else pytest.approx(expected))
    # Planted: kl = layer * 0.4 * m ** 2, so 1 nat lies at layer 2 at about sqrt(1 / 0.8).
    (wide,) = {row["bound_above"] for row in ask("damage_curve", bound="1", layer="2") if row["run_id"] == run_id}  # fmt: skip
    assert wide == pytest.approx((1 / (2 * WIDTH)) ** 0.5, abs=0.1)
    by_rise = [r for r in ask("damage_curve", measure="cross_entropy_rise", bound="0.2") if r["run_id"] == run_id and r["layer"] == 2]  # fmt: skip
    assert {row["bound_below"] for row in by_rise} == {None}
    assert by_rise[0]["bound_above"] == pytest.approx(crossing(means[2] / 2, 0.2, 1))


def test_random_nulls_stand_beside(ask: Ask, made: Synthetic) -> None:
    model = identity("model", "model0")
    evaluation = identity("evaluation", model, "texts")
    vectors = [identity("vector", "model0", "concept0", "random", n) for n in range(5)]
    nulls = np.stack([made.damage[identity("run", evaluation, v)] for v in vectors])
    for row in ask("damage_curve", concept="concept0"):
        if row["layer"] != 1:
            assert row["random_kl"] is None
            continue
        kl = nulls[:, 0, list(X).index(row["multiplier"])]
        assert row["random_kl"] == pytest.approx(kl.mean())
        assert row["random_n"] == 5
    asked = ask("damage_curve", role="null", concept="concept0")
    assert {row["method"] for row in asked} == {"random"}
    assert len(asked) == 5 * len(X)


def test_filters(ask: Ask) -> None:
    assert {row["fit_concept"] for row in ask("damage_curve", concept="concept1")} == {"concept1"}
    assert {row["layer"] for row in ask("damage_curve", layer="best")} == {1}


def test_effects_at_equal_damage_are_interpolated_per_item(ask: Ask, made: Synthetic) -> None:
    run = made.fitted()
    means = made.damage[damage_run(made)].mean(-1)
    grid = np.array([0.0, *X])
    order = np.argsort(grid)
    questions = made.questions(run)
    found = [row for row in ask("equal_damage") if row["run_id"] == run.run_id]
    assert len(found) == 3 * 2 * 2
    seen = 0
    for row in found:
        at = crossing(means[row["layer"]], row["level"], row["side"])
        assert row["largest_damage"] == pytest.approx(means[row["layer"]].max())
        assert row["complete"]
        if at is None:
            unknown = ("multiplier", "effect", "effect_low", "positive_fraction", "effect_per_nat")
            assert [row[name] for name in unknown] == [None] * 5
            continue
        seen += 1
        curves = made.curves(run, row["layer"])
        there = np.array([np.interp(at, grid[order], curve[order]) for curve in curves])
        effect = there - curves[:, 0]
        assert row["multiplier"] == pytest.approx(at)
        assert row["effect"] == pytest.approx(effect.mean())
        assert row["effect_per_nat"] == pytest.approx(row["side"] * effect.mean() / row["level"])
        assert row["positive_fraction"] == pytest.approx((there > 0).mean())
        assert row["baseline_positive_fraction"] == pytest.approx((curves[:, 0] > 0).mean())
        names = sorted(set(questions))
        totals = np.array([(effect - effect.mean())[questions == q].sum() for q in names])
        error = np.sqrt(len(names) / (len(names) - 1) * (totals**2).sum()) / len(effect)
        t = stats.t.ppf(0.975, len(names) - 1)
        low, high = effect.mean() - t * error, effect.mean() + t * error
        assert (row["effect_low"], row["effect_high"]) == pytest.approx((low, high))
        assert row["positive_low"] <= row["positive_fraction"] <= row["positive_high"]
    assert seen == 2 + 4  # layer 1 reaches half a nat, layer 2 both


def test_levels_and_measure_are_parameters(ask: Ask, made: Synthetic) -> None:
    found = ask("equal_damage", levels="[0.01]", layer="best")
    assert {row["level"] for row in found} == {0.01}
    assert {row["layer"] for row in found} == {1}
    # The first measured multiplier is 0.5: up to it both damage and effect are straight lines.
    assert all(0 < row["side"] * row["multiplier"] < 0.5 for row in found)
    by_rise = ask("equal_damage", measure="cross_entropy_rise", levels="[0.1]", layer="2")
    assert {row["multiplier"] is None for row in by_rise if row["side"] == -1} == {True}
    assert {row["multiplier"] is None for row in by_rise if row["side"] == 1} == {False}


def test_a_text_that_is_missing_is_said(writable: Any, made: Synthetic) -> None:
    run_id = damage_run(made)
    text_id = identity("text", 0)
    writable.execute("delete from damage where run_id = ? and layer = 2 and text_id = ?", [run_id, text_id])  # fmt: skip
    for name, key in (("damage_curve", "run_id"), ("equal_damage", "damage_run_id")):
        mine = [row for row in rows(writable, name) if row[key] == run_id]
        assert {row["complete"] for row in mine if row["layer"] == 2} == {False}
        assert {row["complete"] for row in mine if row["layer"] != 2} == {True}
    (missing,) = writable.execute(
        "select sum(n_missing) from coverage where run_id = ?", [run_id]
    ).fetchall()
    assert missing == (len(X),)


def test_a_level_that_is_never_reached_is_said(ask: Ask, made_home: tuple[Path, Synthetic]) -> None:
    found = ask("equal_damage")
    assert {row["reached"] for row in found} == {True, False}
    assert all(row["reached"] == (row["multiplier"] is not None) for row in found)
    assert all(row["largest_damage"] < row["level"] for row in found if not row["reached"])
    (line,) = [line for line in notes(made_home[0], "equal_damage") if "never reaches" in line]
    n = sum(not row["reached"] for row in found)
    assert line.startswith(f"in {n} of {len(found)} rows the damage never reaches the level")


def test_an_operator_without_a_multiplier_shows_none(writable: Any, made: Synthetic) -> None:
    run_id = damage_run(made)
    writable.execute("update run set graded = false, identity_at_zero = false, operator = 'ablate' where run_id in (?, ?)", [run_id, made.fitted().run_id])  # fmt: skip
    writable.execute("delete from damage where run_id = ? and multiplier <> 1", [run_id])
    mine = [row for row in rows(writable, "damage_curve") if row["run_id"] == run_id]
    assert [(row["layer"], row["multiplier"], row["n_multipliers"]) for row in mine] == [(n, None, 1) for n in range(3)]  # fmt: skip
    equal = [r for r in rows(writable, "equal_damage") if r["damage_run_id"] == run_id]
    assert equal
    assert {(r["side"], r["reached"], r["multiplier"], r["effect"]) for r in equal} == {(None,) * 4}
    assert all(row["largest_damage"] == mine[row["layer"]]["kl"] for row in equal)


@pytest.mark.parametrize("name", ["damage_curve", "equal_damage"])
def test_without_texts_an_empty_answer_says_how_damage_is_measured(
    writable: Any, tmp_path: Path, name: str
) -> None:
    writable.execute("delete from run where scope = 'all'")
    writable.close()
    (line,) = notes(tmp_path, name)
    assert line.startswith("no row for ")
    assert "no text set was measured: `text_sets: [neutral]` in the experiment" in line


def test_where_texts_were_measured_an_empty_answer_does_not_say_so(
    made_home: tuple[Path, Synthetic],
) -> None:
    (line,) = notes(made_home[0], "damage_curve", "--param", "layer=9")
    assert line.startswith("no row for ")
    assert "no text set" not in line
