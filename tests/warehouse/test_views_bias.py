"""bias: shares by hand, against least squares, and where they are undefined."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

Array = npt.NDArray[np.float64]


def _world(
    world: Any,
    slopes: Mapping[str, float],
    factors: Mapping[str, Mapping[str, Any]],
    baselines: Mapping[str, float] | None = None,
    answer_format: str = "letter",
) -> dict[str, Any]:
    world.model()
    items = [{"item_id": name, **factors[name]} for name in slopes]
    world.items("d", *items, answer_format=answer_format)
    baselines = baselines or dict.fromkeys(slopes, 0.0)
    world.evaluation("e", "d", baselines)
    world.vector("v", ("d", "base"))
    world.run("r", "e", "v")
    for name, slope in slopes.items():
        world.lines("r", 0, {name: slope}, at_zero=baselines[name])
    world.ingest()
    found: dict[str, Any] = world.one("from bias")
    return found


def _crossed(repeats: int) -> dict[str, dict[str, Any]]:
    return {
        f"{number}{'AB'[not first]}{'NY'[yes]}": {
            "question": f"{number}{yes}",
            "first": first,
            "yes": yes,
            "option_order": "original" if first else "swapped",
        }
        for number in range(repeats)
        for first in (True, False)
        for yes in (True, False)
    }


def test_a_crossed_design_by_hand(world: Any) -> None:
    factors = _crossed(3)
    slopes = {
        name: 1 + (2.0 if factor["first"] else -2.0) + (1.0 if factor["yes"] else -1.0)
        for name, factor in factors.items()
    }
    baselines = {name: 0.3 if factor["first"] else -0.1 for name, factor in factors.items()}
    found = _world(world, slopes, factors, baselines)
    # variance 4 by letter and 1 by yes/no, nothing else
    assert found["letter_share"] == pytest.approx(0.8)
    assert found["yes_no_share"] == pytest.approx(0.2)
    assert found["unexplained_share"] == pytest.approx(0, abs=1e-6)
    assert found["letter_share_order_free"] == pytest.approx(0.8)
    assert found["yes_no_share_order_free"] == pytest.approx(0.2)
    assert found["interaction_share"] == pytest.approx(0, abs=1e-6)
    assert found["letter_yes_no_correlation"] == pytest.approx(0, abs=1e-12)
    assert found["letter_effect"] == pytest.approx(4)
    assert found["yes_no_effect"] == pytest.approx(2)
    assert found["baseline_letter_effect"] == pytest.approx(0.4)
    assert found["baseline_yes_no_effect"] == pytest.approx(0, abs=1e-7)
    # six questions in both orders; their mean is 1 +- 1, half their difference always 2
    assert found["n_pairs"] == 6
    assert found["paired_letter_share"] == pytest.approx(0.8)
    assert found["paired_question_share"] == pytest.approx(0.2)
    assert found["paired_question_by_letter_share"] == pytest.approx(0, abs=1e-6)
    assert found["paired_letter_effect"] == pytest.approx(4)


def test_an_interaction_is_told_from_main_effects(world: Any) -> None:
    factors = _crossed(2)
    slopes = {
        name: 1.0 + (1 if factor["first"] == factor["yes"] else -1)
        for name, factor in factors.items()
    }
    found = _world(world, slopes, factors)
    assert found["letter_share"] == pytest.approx(0, abs=1e-9)
    assert found["yes_no_share"] == pytest.approx(0, abs=1e-9)
    assert found["interaction_share"] == pytest.approx(1)
    assert found["paired_question_by_letter_share"] == pytest.approx(1)


def _explained(y: Array, *columns: Array) -> float:
    design = np.column_stack([np.ones_like(y), *columns])
    fitted = design @ np.linalg.lstsq(design, y, rcond=None)[0]
    return float(1 - np.var(y - fitted) / np.var(y))


def test_shares_equal_least_squares_on_unbalanced_data(world: Any) -> None:
    rng = np.random.default_rng(3)
    first = rng.random(60) < 0.7
    yes = rng.random(60) < np.where(first, 0.8, 0.3)
    slope = 1 + 0.8 * first - 0.5 * yes + 0.9 * first * yes + rng.normal(size=60) * 0.6
    names = [f"i{number}" for number in range(60)]
    answer = [True if flag else (False if number % 2 else None) for number, flag in enumerate(yes)]
    factors = {
        name: {"first": bool(f), "yes": a} for name, f, a in zip(names, first, answer, strict=True)
    }
    found = _world(world, dict(zip(names, slope.tolist(), strict=True)), factors)
    a, f = first.astype(float), yes.astype(float)
    letter, yes_no, both = _explained(slope, a), _explained(slope, f), _explained(slope, a, f)
    expected = {
        "letter_share": letter,
        "yes_no_share": both - letter,
        "unexplained_share": 1 - both,
        "letter_share_order_free": (letter + both - yes_no) / 2,
        "yes_no_share_order_free": (yes_no + both - letter) / 2,
        "interaction_share": _explained(slope, a, f, a * f) - both,
        "letter_yes_no_correlation": float(np.corrcoef(a, f)[0, 1]),
        "letter_effect": float(slope[first].mean() - slope[~first].mean()),
        "yes_no_effect": float(slope[yes].mean() - slope[~yes].mean()),
        "sd_slope": float(np.std(slope, ddof=1)),
    }
    for name, value in expected.items():
        assert found[name] == pytest.approx(value, abs=1e-5), name
    assert found["n_pairs"] == 0
    assert found["paired_letter_share"] is None


def test_the_paired_split_by_hand(world: Any) -> None:
    factors = {
        f"{question}{letter}": {
            "question": question,
            "first": letter == "A",
            "option_order": "original" if letter == "A" else "swapped",
        }
        for question in ("p", "q")
        for letter in "AB"
    }
    slopes = {"pA": 5.0, "pB": 1.0, "qA": 2.0, "qB": 0.0}
    found = _world(world, slopes, factors)
    # m = 3, 1; d = 2, 1; var m = 1, var d = 0.25, mean d squared = 2.25: together 3.5
    assert found["paired_letter_share"] == pytest.approx(2.25 / 3.5)
    assert found["paired_question_by_letter_share"] == pytest.approx(0.25 / 3.5)
    assert found["paired_question_share"] == pytest.approx(1 / 3.5)
    assert found["paired_letter_effect"] == pytest.approx(3)
    assert np.var([5, 1, 2, 0]) == pytest.approx(3.5)


def test_shares_are_null_where_slopes_do_not_spread(world: Any) -> None:
    factors = _crossed(2)
    slopes = {name: 1 + 1e-4 * number for number, name in enumerate(factors)}
    found = _world(world, slopes, factors)
    assert found["sd_slope"] < found["slope_floor"]
    shares = [value for name, value in found.items() if "share" in name]
    assert len(shares) == 9
    assert shares == [None] * 9
    assert found["letter_effect"] is not None


def test_a_factor_that_does_not_vary_has_no_share(world: Any) -> None:
    factors = {name: {"first": True, "yes": name in "ab"} for name in "abcd"}
    found = _world(world, {"a": 3.0, "b": 3.0, "c": 1.0, "d": 1.5}, factors)
    assert found["letter_share"] is None
    assert found["letter_effect"] is None
    assert found["letter_share_order_free"] is None
    assert found["letter_yes_no_correlation"] is None
    expected = _explained(np.array([3, 3, 1, 1.5]), np.array([1.0, 1, 0, 0]))
    assert found["yes_no_share"] == pytest.approx(expected)
    assert found["yes_no_share_order_free"] == pytest.approx(expected)
    assert found["unexplained_share"] == pytest.approx(1 - expected)


def test_one_item_of_a_letter_is_no_letter_effect(world: Any) -> None:
    factors = {name: {"first": name == "a", "yes": name in "bc"} for name in "abcde"}
    found = _world(world, {"a": 9.0, "b": 3.0, "c": 2.8, "d": 1.0, "e": 1.5}, factors)
    assert found["letter_undetermined"] == "one question on a side"
    assert (found["n_rare_letter"], found["n_rare_yes_no"]) == (1, 2)
    for name in ("letter_share", "letter_share_order_free", "letter_effect", "interaction_share"):
        assert found[name] is None
    assert found["yes_no_undetermined"] is None
    expected = _explained(np.array([9, 3, 2.8, 1, 1.5]), np.array([0.0, 1, 1, 0, 0]))
    assert found["yes_no_share"] == pytest.approx(expected)


def test_factors_that_coincide_cannot_be_told_apart(world: Any) -> None:
    factors = {name: {"first": name in "ab", "yes": name in "ab"} for name in "abcd"}
    found = _world(world, {"a": 3.0, "b": 2.5, "c": 1.0, "d": 1.5}, factors)
    assert found["letter_yes_no_correlation"] == pytest.approx(1)
    assert found["letter_share"] == pytest.approx(0.9)
    assert found["yes_no_share"] is None
    assert found["letter_share_order_free"] is None
    assert found["unexplained_share"] == pytest.approx(0.1)


def test_yes_no_questions_have_no_letter(world: Any) -> None:
    factors = {name: {"first": name in "ab", "yes": name in "ab"} for name in "abcd"}
    slopes = {"a": 3.0, "b": 2.5, "c": 1.0, "d": 1.5}
    found = _world(world, slopes, factors, answer_format="yes_no")
    assert found["letter_share"] is None
    assert found["yes_no_share"] == pytest.approx(0.9)
    assert found["letter_effect"] is None
    assert found["yes_no_effect"] == pytest.approx(1.5)
