"""The lines at the end of a run: which layers were chosen, and which choices say little."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from runners.campaign import findings
from runners.campaign.choice import Choice


def chooser(concept: str, scope: str = "answer") -> Any:
    named = {"concept": concept, "method": "mean_difference", "scope": scope}
    return SimpleNamespace(**named, norm=None, operator="add", seed=0)


def campaign(*choosers: Any) -> Any:
    return SimpleNamespace(
        loaded=SimpleNamespace(spec=SimpleNamespace(name="toy")),
        choosers=lambda: list(choosers),
        run=lambda c: SimpleNamespace(run_id=f"{c.concept}/{c.scope}"),
    )


@pytest.fixture
def alike(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    said: dict[str, str] = {}
    monkeypatch.setattr(
        findings, "like_null", lambda _, chosen: {k: v for k, v in said.items() if k in chosen}
    )
    return said


def test_a_choice_is_said_without_a_warning_where_it_is_sound(alike: dict[str, str]) -> None:
    found = findings.choices(campaign(chooser("tea")), {"tea/answer": Choice(7, 1.5, 12)})
    assert found == [
        "toy: layer chosen on validation among 12, by mean slope: "
        "tea · mean_difference: 7 (slope 1.5)"
    ]


@pytest.mark.parametrize("slope", [0.0, -0.25])
def test_a_slope_that_is_not_positive_is_warned_of(alike: dict[str, str], slope: float) -> None:
    alike["tea/answer"] = "p = 0.4 against 20 random"
    _, warning = findings.choices(campaign(chooser("tea")), {"tea/answer": Choice(0, slope, 3)})
    assert warning.startswith(f"Warning: for tea · mean_difference ({slope:.3g}) no layer has")


def test_a_slope_within_the_null_is_warned_of(alike: dict[str, str]) -> None:
    alike["tea/decision"] = "p = 0.4 against 20 random"
    both = campaign(chooser("tea"), chooser("tea", "decision"))
    chosen = {"tea/answer": Choice(2, 1.0, 3), "tea/decision": Choice(1, 0.1, 3)}
    line, warning = findings.choices(both, chosen)
    assert "tea · mean_difference · answer: 2" in line
    assert warning.startswith(
        "Warning: for tea · mean_difference · decision (p = 0.4 against 20 random) the validation"
    )


def test_many_choices_are_counted(alike: dict[str, str]) -> None:
    many = [chooser(f"c{n}") for n in range(20)]
    (line,) = findings.choices(
        campaign(*many), {f"c{n}/answer": Choice(1, 1, 2) for n in range(20)}
    )
    assert line.endswith("c11 · mean_difference: 1 (slope 1) and 8 more")


def test_nothing_chosen_says_nothing(alike: dict[str, str]) -> None:
    assert findings.choices(campaign(chooser("tea")), {}) == []


def of_texts(*asked: tuple[str, str, str], **experiment: Any) -> Any:
    """Return a campaign of (concept, method, vector_id); concepts that begin with t are of texts."""
    names = ("concept", "method", "vector_id")
    every = [SimpleNamespace(**dict(zip(names, one, strict=True))) for one in asked]
    spec = {"name": "e", "text_sets": (), "rollouts": None, **experiment}
    return SimpleNamespace(
        experiment=SimpleNamespace(**spec),
        combinations=every,
        asking=[c for c in every if not c.concept.startswith("t")],
        texts=frozenset(c.concept for c in every if c.concept.startswith("t")),
        vector=lambda c: SimpleNamespace(vector_id=c.vector_id),
    )


def test_vectors_of_texts_that_nothing_is_asked_about_are_named_with_what_to_add() -> None:
    silent = of_texts(("tea", "mean", "a"), ("tea", "mean", "b"), ("toast", "lda", "c"))
    (line,) = findings.unasked(silent)
    assert line.startswith(
        "e: nothing was asked about the vectors of tea · mean, toast · lda: texts ask no questions."
    )
    for remedy in ("text_sets: [neutral]", "rollouts: {prompt_sets: [plain]}", "fit_concepts"):
        assert remedy in line


@pytest.mark.parametrize("where", [{"text_sets": ("neutral",)}, {"rollouts": object()}])
def test_damage_and_rollouts_ask_about_every_vector_of_texts(where: dict[str, Any]) -> None:
    assert findings.unasked(of_texts(("tea", "mean", "a"), **where)) == []


def test_the_questions_of_another_concept_ask_about_the_vectors_that_are_on_them() -> None:
    both = of_texts(("tea", "row", "a"), ("kind", "row", "a"), ("kind", "mean", "b"))
    assert findings.unasked(both) == []
    one = of_texts(("tea", "row", "a"), ("tea", "mean", "c"), ("kind", "row", "a"))
    (line,) = findings.unasked(one)
    assert "the vectors of tea · mean: texts" in line
    assert findings.unasked(of_texts(("kind", "mean", "a"))) == []
