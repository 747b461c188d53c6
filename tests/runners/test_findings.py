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
