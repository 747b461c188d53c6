"""Damage in the warehouse: replaced, never doubled; counted; refused where it is not finite."""

from __future__ import annotations

from typing import Any

import pytest


@pytest.fixture
def texts(simple: Any) -> Any:
    """The simple world with the same vector on a set of two texts, at layer 3."""
    simple.add("text_set", {"text_set_id": "s", "n_texts": 2})
    simple.add("name", {"kind": "text_set", "id": "s", "name": "plain"})
    for row, text in enumerate(("t1", "t2")):
        simple.add("text", {"text_id": text, "text": f"Text {text}."})
        simple.add("text_set_text", {"text_set_id": "s", "row": row, "text_id": text})
        baseline = {"evaluation_id": "es", "text_id": text, "n_tokens": 9, "cross_entropy": 2.0}
        simple.add("text_baseline", baseline)
    evaluation = {"evaluation_id": "es", "model_id": "m", "text_set_id": "s"}
    simple.add("evaluation", {**evaluation, "score": "next_token", "parameters": "{}"})
    simple.run("rs", "es", "v", scope="all")
    asked = {"experiment": "x", "run_id": "rs", "split": "text", "layer": 3, "n_asked": 2}
    simple.add("experiment_run", *({**asked, "multiplier": m} for m in (-1.0, 1.0)))
    return simple


def damage(text: str, kl: float, multiplier: float = 1.0) -> dict[str, Any]:
    key = {"run_id": "rs", "layer": 3, "multiplier": multiplier, "text_id": text}
    return {**key, "n_tokens": 9, "kl": kl, "cross_entropy_rise": -kl}


def test_rows_are_replaced_and_the_unsteered_ones_stay(texts: Any) -> None:
    texts.add("damage", damage("t1", 0.5), damage("t2", 0.25))
    texts.ingest()
    texts.add("damage", damage("t1", 0.75))
    other = {"evaluation_id": "es", "text_id": "t1", "n_tokens": 9, "cross_entropy": 3.0}
    texts.add("text_baseline", other)
    texts.ingest()
    rows = texts.rows(
        "select text_set, method, fit_concept, text_id, kl, cross_entropy_rise, cross_entropy "
        "from text_damage order by text_id"
    )
    same = ("plain", "mean_difference", "d-name")
    assert rows == [(*same, "t1", 0.75, -0.75, 2.0), (*same, "t2", 0.25, -0.25, 2.0)]


def test_what_is_missing_is_counted_by_text(texts: Any) -> None:
    texts.add("damage", damage("t1", 0.5), damage("t2", 0.25), damage("t1", 0.1, -1.0))
    texts.ingest()
    counted = texts.rows(
        "select multiplier, split, n_asked, n_measured, n_missing, concept from coverage "
        "order by multiplier"
    )
    assert counted == [(-1.0, "text", 2, 1, 1, None), (1.0, "text", 2, 2, 0, None)]


def test_a_number_that_is_not_finite_is_refused_with_its_text(texts: Any) -> None:
    texts.ingest()
    texts.add("damage", damage("t1", 0.5), damage("t2", float("inf")))
    done = texts.ingest()
    assert "damage.kl is not finite in 1 rows, text t2 first" in done.refused[0]
    assert texts.rows("from damage") == []


CURVE = {0.5: 0.125, 1.0: 0.5, 2.0: 0.25, 4.0: 2.0}


@pytest.mark.parametrize(
    ("level", "expected"), [(0.05, 0.2), (0.125, 0.5), (0.3125, 0.75), (1.125, 3.0), (2.5, None)]
)
def test_the_first_crossing_counts_on_each_side(
    texts: Any, level: float, expected: float | None
) -> None:
    for multiplier, kl in CURVE.items():
        texts.add("damage", *(damage("t1", kl - 0.05, side * multiplier) for side in (-1, 1)))
        texts.add("damage", *(damage("t2", kl + 0.05, side * multiplier) for side in (-1, 1)))
    texts.ingest()
    found = texts.rows(f"from damage_crossing({level}, 'kl') order by side")
    if expected is None:
        assert found == []
        return
    assert [row[:3] for row in found] == [("rs", 3, -1), ("rs", 3, 1)]
    assert [row[3] for row in found] == pytest.approx([-expected, expected])
