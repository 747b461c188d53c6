"""The reference model: every bias analysis against what was planted, through the real command."""

from __future__ import annotations

from pathlib import Path
from statistics import fmean, pvariance
from typing import Any

import duckdb
import pytest

from analysis.run import answer
from runners.reference_model.design import FRAMES, items
from runners.reference_model.traits import ORDER_SHIFT, TRAITS
from runners.reference_model.truth import gain, layer_slope
from tests.command import steerhouse

LAYER = 3
CONCEPTS = ("proud", "loud", "frank", "idle")
EXPERIMENT = f"""\
models: [reference]
concepts: [{", ".join(CONCEPTS)}]
layers: [{LAYER}]
multipliers: [-1.5, -0.5, 0, 0.5, 1.5]
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bias")
    path = folder / "specs" / "experiments" / "planted.yaml"
    path.parent.mkdir(parents=True)
    path.write_text(EXPERIMENT, encoding="utf-8")
    done = steerhouse("--specs", "specs", "--home", "data", "run", "planted", cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder / "data"


def rows(home: Path, name: str, concept: str) -> list[dict[str, Any]]:
    with duckdb.connect(str(home / "warehouse.duckdb"), read_only=True) as connection:
        found = answer(connection, name, {"concept": concept, "layer": str(LAYER)} if name != "unsteered_bias" else {"concept": concept})  # fmt: skip
        return [dict(zip(found.columns, row, strict=True)) for row in found.fetchall()]


def shares(concept: str) -> dict[tuple[str, str], float]:
    """Return the planted shares: the design is crossed, so every way of sharing agrees."""
    trait, test = TRAITS[concept], items(concept, "test")
    whole = pvariance([gain(trait, item) for item in test])
    letter, yes_no = trait.letter**2 / whole, trait.yes**2 / whole
    pairs: dict[Any, list[float]] = {}
    for item in test:
        pairs.setdefault(item.question, []).append(gain(trait, item))
    question = pvariance([fmean(pair) for pair in pairs.values()]) / whole
    rest = 1 - letter - yes_no
    return {
        ("sequential", "letter"): letter,
        ("sequential", "yes_no"): yes_no,
        ("sequential", "unexplained"): rest,
        ("order_free", "letter"): letter,
        ("order_free", "yes_no"): yes_no,
        ("order_free", "interaction"): 0.0,
        ("order_free", "unexplained"): rest,
        ("paired", "letter"): letter,
        ("paired", "question_by_letter"): 1 - letter - question,
        ("paired", "question"): question,
    }


@pytest.mark.parametrize("concept", ["proud", "loud", "frank"])
def test_shares(home: Path, concept: str) -> None:
    found = {(row["kind"], row["factor"]): row for row in rows(home, "bias_shares", concept)}
    for key, truth in shares(concept).items():
        row = found[key]
        assert row["share"] == pytest.approx(truth, abs=0.02), key
        if row["share_low"] is not None and 0.02 < truth < 0.98:
            assert row["share_low"] - 0.02 <= truth <= row["share_high"] + 0.02, key
        assert row["complete"]
    planted = {"proud": ("letter", 0.98), "loud": ("letter", 0.42), "frank": ("yes_no", 0.8)}
    factor, least = planted[concept]
    assert found["order_free", factor]["adjusted"] > least - 0.03
    assert found["order_free", factor]["p"] < 0.01


@pytest.mark.parametrize("concept", ["proud", "loud", "frank"])
def test_effects_in_logits_and_the_unsteered_lean(home: Path, concept: str) -> None:
    trait = TRAITS[concept]
    slope = layer_slope(trait, LAYER)
    truth = {"letter": 2 * trait.letter * slope, "yes_no": 2 * trait.yes * slope}
    for row in rows(home, "bias_effects", concept):
        expected = truth[row["factor"]]
        assert row["effect"] == pytest.approx(expected, rel=0.02, abs=0.02)
        unsteered = 2 * ORDER_SHIFT if row["factor"] == "letter" else 0.0
        assert row["unsteered_effect"] == pytest.approx(unsteered, abs=0.02)
    lean = {row["factor"]: row["lean"] for row in rows(home, "unsteered_bias", concept)}
    assert lean["letter"] == pytest.approx(ORDER_SHIFT, abs=0.01)
    assert lean["yes_no"] == pytest.approx(0, abs=0.01)
    (split,) = rows(home, "letter_or_concept", concept)
    test = items(concept, "test")
    assert split["letter_effect"] == pytest.approx(truth["letter"], rel=0.02, abs=0.02)
    mean = slope * fmean(gain(trait, item) for item in test)
    assert split["concept_effect"] == pytest.approx(mean, rel=0.02)
    pairs: dict[Any, list[float]] = {}
    for item in test:
        pairs.setdefault(item.question, []).append(gain(trait, item))
    led = fmean(min(pair) < 0 < max(pair) for pair in pairs.values())
    assert split["letter_led_fraction"] == pytest.approx(led)
    questions = rows(home, "question_split", concept)
    assert len(questions) == len(pairs)
    assert fmean(row["led_by"] == "letter" for row in questions) == pytest.approx(led)


def test_more_factors(home: Path) -> None:
    found = {row["factor"]: row for row in rows(home, "bias_factors", "loud")}
    truth = shares("loud")
    for factor in ("letter", "yes_no"):
        assert found[factor]["alone"] == pytest.approx(truth["order_free", factor], abs=0.02)
        assert found[factor]["p"] < 0.05
    assert FRAMES  # the frame is what makes a positive option begin with Yes


def test_what_nothing_moves_has_no_share(home: Path) -> None:
    for row in rows(home, "bias_shares", "idle"):
        assert (row["share"], row["p"]) == (None, None)
        assert row["undetermined"].startswith("slopes do not differ")
