"""Stability of vectors: against refitting, and where signal and noise are planted."""

from __future__ import annotations

import numpy as np
import pytest

from runners.fitting import stability as stable
from runners.fitting.estimator import Estimator
from runners.fitting.stability import DRAWS, _halves
from runners.methods import Function
from runners.methods.mean_difference import mean_difference
from runners.methods.pairs import Pairs


def stability(
    positive: np.ndarray, negative: np.ndarray, questions: list[str], fit: Function
) -> dict[str, float]:
    return stable.stability(Pairs.of(positive, negative), questions, Estimator(fit))


def refitted(positive: np.ndarray, negative: np.ndarray) -> np.ndarray:
    """Fit as mean_difference does, under another name: no shortcut knows it."""
    return mean_difference(positive, negative)


def planted(
    n_questions: int, width: int, signal: float, noise: float, copies: int = 1, seed: int = 0
) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Return differences signal·u + e_question with E|e|² = noise², every question `copies` times."""
    rng = np.random.default_rng(seed)
    negative = rng.standard_normal((n_questions, width))
    u = rng.standard_normal(width)
    drawn = rng.standard_normal((n_questions, width)) * noise / np.sqrt(width)
    positive = negative + signal * u / np.linalg.norm(u) + drawn
    questions = [f"q{i:04d}" for i in range(n_questions)]
    again = (copies, 1)
    return np.tile(positive, again), np.tile(negative, again), questions * copies


def test_the_shortcut_equals_fitting_both_halves() -> None:
    positive, negative, questions = planted(31, 50, 1, 5)
    questions = [q[:-1] for q in questions]  # questions of 10, 10, 10 and 1 items
    fast = stability(positive, negative, questions, mean_difference)
    slow = stability(positive, negative, questions, refitted)
    assert set(fast) - set(slow) == {"noise_length"}
    assert slow == pytest.approx({key: fast[key] for key in slow}, rel=1e-9)


def test_halves_keep_questions_whole_and_use_all_of_them() -> None:
    halves = np.stack(list(_halves(9)))
    assert halves.shape == (DRAWS, 9)
    assert set(halves.sum(1)) == {4}
    assert halves.mean(0).min() > 0.15
    assert len({tuple(half) for half in halves}) > 15


@pytest.mark.parametrize(("signal", "noise"), [(1.0, 3.0), (0.5, 8.0), (0.0, 1.0)])
def test_a_planted_signal_in_isotropic_noise(signal: float, noise: float) -> None:
    """Each half has noise_half² = 2 noise² / n: the cosine is signal² / (signal² + noise_half²)."""
    n, width = 200, 4000
    found = stability(*planted(n, width, signal, noise), mean_difference)
    of_half = noise**2 / (n / 2)
    expected = signal**2 / (signal**2 + of_half)
    assert found["split_half_cosine"] == pytest.approx(expected, abs=0.03)
    assert found["noise_length"] == pytest.approx(noise / np.sqrt(n), rel=0.02)


def test_spearman_brown_and_the_noise_say_the_same() -> None:
    positive, negative, questions = planted(200, 4000, 0.5, 8)
    found = stability(positive, negative, questions, mean_difference)
    r = found["split_half_cosine"]
    raw = np.linalg.norm((positive - negative).mean(0))
    systematic = 1 - (found["noise_length"] / raw) ** 2
    assert 2 * r / (1 + r) == pytest.approx(systematic, abs=0.03)
    # What it predicts: the cosine with a vector fitted on as many new questions.
    again = planted(200, 4000, 0.0, 8, seed=1)
    u = np.random.default_rng(0)
    u.standard_normal((200, 4000))
    direction = u.standard_normal(4000)
    other = (again[0] - again[1]).mean(0) + 0.5 * direction / np.linalg.norm(direction)
    v = (positive - negative).mean(0)
    assert v @ other / np.linalg.norm(v) / np.linalg.norm(other) == pytest.approx(
        systematic, abs=0.05
    )


def test_copies_of_a_question_are_no_new_evidence() -> None:
    once = stability(*planted(40, 300, 1, 5), mean_difference)
    thrice = stability(*planted(40, 300, 1, 5, copies=3), mean_difference)
    assert thrice == pytest.approx(once, rel=1e-9)


def test_the_order_of_items_decides_nothing() -> None:
    positive, negative, questions = planted(40, 30, 1, 5, copies=2)
    order = np.random.default_rng(4).permutation(80)
    shuffled = stability(
        positive[order], negative[order], [questions[i] for i in order], mean_difference
    )
    assert shuffled == pytest.approx(
        stability(positive, negative, questions, mean_difference), rel=1e-9
    )


def test_what_has_no_value_is_left_out() -> None:
    ones = np.ones((4, 3))
    assert stability(ones, 0 * ones, ["a"] * 4, mean_difference) == {}
    assert stability(ones, ones, list("abcd"), mean_difference) == {"noise_length": 0.0}
