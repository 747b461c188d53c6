"""What --verify says of its rows: which fail, which are let pass, what is the model's rounding."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch

from runners.campaign import verdict
from runners.campaign.verdict import judged, routes, tell
from runners.engine.guard import GuardedSweep
from runners.engine.selfcheck import Check, tolerance
from specs.faults import Refused
from tests.runners.families import MIXED, random_births, tiny
from tests.runners.family_configs import CONFIGS

ROUTED = {"mixtral", "qwen2_moe", "qwen3_moe", "olmoe", "gpt_oss", "deepseek_v3", "llama4_text"}


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    lines: list[str] = []
    monkeypatch.setattr(verdict, "say", lines.append)
    return lines


def row(gap: float = 0.0, **changes: Any) -> dict[str, Any]:
    about = {"run_id": "r", "item_id": "i", "layer": 2, "multiplier": 1.5, "scale": 10.0}
    return {**about, "logit_diff": 2.0 + gap, "reference": 2.0, **changes}


def model(name: str, dtype: torch.dtype = torch.float32) -> Any:
    return SimpleNamespace(model=tiny(name).model, dtype=dtype)


@pytest.mark.parametrize("name", CONFIGS)
def test_which_models_route(name: str) -> None:
    assert routes(tiny(name).model) == (tiny(name).model.config.model_type in ROUTED)


def test_a_wrong_row_fails_and_names_the_remedy(said: list[str]) -> None:
    loaded = model("llama")
    found = judged([row(), row(0.001)], loaded)
    assert [one["outlier"] for one in found] == [False, False]
    with pytest.raises(Refused) as refused:
        tell(found, loaded)
    (line,) = refused.value.faults
    assert line.startswith("run r, item i, layer 2, multiplier 1.5: stored 2.001, reference path 2")
    assert "tolerance 0.0003; `steerhouse warehouse forget --run r`" in line
    with pytest.raises(Refused):
        tell(judged([row(float("nan"))], loaded), loaded)


@pytest.mark.parametrize(
    ("dtype", "says"),
    [(torch.float32, "0.0003 (largest answer logit 10, arithmetic in float32)"),
     (torch.bfloat16, "1 (largest answer logit 10, arithmetic in bfloat16)")],
)  # fmt: skip
def test_the_tolerance_is_said(said: list[str], dtype: torch.dtype, says: str) -> None:
    loaded = model("llama", dtype)
    tell(judged([row(1e-6), row()], loaded), loaded)
    assert said[0].startswith("verified 2 random rows by the reference path: largest difference 1e")
    assert said[0].endswith(f"logits, tolerance {says}")


def test_a_model_with_experts_is_let_pass_one_row_in_twenty(said: list[str]) -> None:
    loaded = model("mixtral")
    one = judged([row()] * 7 + [row(0.5)], loaded)
    assert [r["outlier"] for r in one] == [False] * 7 + [True]
    tell(one, loaded)
    assert said[0].startswith("verified 8 random rows")
    assert "largest difference 0 logits" in said[0]
    assert said[1].startswith("Warning: run r, item i, layer 2, multiplier 1.5: stored 2.5")
    assert "a router that is nearly tied chose other experts" in said[1]
    two = judged([row()] * 18 + [row(0.5)] * 2, loaded)
    with pytest.raises(Refused):
        tell(two, loaded)
    assert sum(r["outlier"] for r in judged([row()] * 38 + [row(0.5)] * 2, loaded)) == 2


def test_half_precision_is_told_apart_from_the_fast_path(said: list[str]) -> None:
    loaded = model("llama", torch.bfloat16)
    whole = {"reference_unsteered": 1.0, "float32": 2.25, "float32_unsteered": 1.0}
    tell(judged([row(0.125, **whole), row(0.0, **whole, multiplier=1.0)], loaded), loaded)
    assert said[1] == (
        "the model's own rounding in bfloat16 (reference path against a float32 copy): "
        "median 0.25, largest 0.25 logits, of an effect median 0.25, largest 0.25; "
        "the fast path adds median 0.062, largest 0.12"
    )


def test_nothing_verified_says_nothing(said: list[str]) -> None:
    tell([], model("llama"))
    assert said == []


@pytest.mark.parametrize(("name", "wrong", "trusted"), [("mixtral", 1, True), ("mixtral", 2, False), ("llama", 1, False)])  # fmt: skip
def test_the_guard_lets_a_router_tip_once(
    name: str, wrong: int, trusted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def check(index: int) -> Check:
        return Check(0, 1, 0, 1.0 + (index < wrong), 1.0, 5.0)

    monkeypatch.setattr(
        "runners.engine.selfcheck.self_check", lambda *_: [check(i) for i in range(8)]
    )
    guarded = GuardedSweep("unit", lambda line: None)
    loaded = tiny(name)
    assert tolerance(loaded.dtype, 5.0) < 1
    guarded(loaded, MIXED, random_births(loaded, [1]), "answer")
    assert guarded.trusted == trusted
