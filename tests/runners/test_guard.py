"""A sweep that is wrong is noticed, said, and replaced by the reference path."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import runners.chains
from runners.bench import Bench
from runners.chains import Sweep, sweep
from runners.guard import GuardedSweep
from runners.reference_sweep import reference_sweep


@pytest.fixture
def births(reference) -> dict[int, torch.Tensor]:  # type: ignore[no-untyped-def]
    torch.manual_seed(0)
    return {2: torch.randn(2, 128), 4: torch.randn(1, 128)}


def some(kind: Bench, count: int = 3):  # type: ignore[no-untyped-def]
    return [kind.tokenised("base").fit[i] for i in kind.item_ids("test", count)]


def test_right_numbers_pass_and_are_kept_as_evidence(kind: Bench, births) -> None:  # type: ignore[no-untyped-def]
    said: list[str] = []
    guarded = GuardedSweep("unit", said.append)
    result = guarded(kind.loaded, some(kind), births, "answer")
    assert torch.equal(
        result.steered[2].logit_diff,
        sweep(kind.loaded, some(kind), births, "answer").steered[2].logit_diff,
    )
    assert guarded.trusted
    assert not said
    assert len(guarded.checks) >= 4


def test_each_scope_and_number_of_chains_is_checked_by_itself(kind: Bench, births) -> None:  # type: ignore[no-untyped-def]
    guarded = GuardedSweep("unit", print)
    guarded(kind.loaded, some(kind), births, "answer")
    first = len(guarded.checks)
    guarded(kind.loaded, some(kind), births, "answer")
    assert len(guarded.checks) == first
    guarded(kind.loaded, some(kind), births, "decision")
    second = len(guarded.checks)
    assert second > first
    guarded(kind.loaded, some(kind), {**births, 3: torch.randn(2, 128)}, "decision")
    assert len(guarded.checks) > second


@pytest.mark.parametrize("wrong", [0.1, float("nan")])
def test_a_wrong_sweep_falls_back_to_the_reference_path(
    kind: Bench,
    births,  # type: ignore[no-untyped-def]
    wrong: float,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    def broken(*args) -> Sweep:  # type: ignore[no-untyped-def]
        result = sweep(*args)
        result.steered[4].logit_diff[:, -1] += wrong
        return result

    monkeypatch.setattr(runners.chains, "sweep", broken)
    said: list[str] = []
    guarded = GuardedSweep("unit", said.append)
    items = some(kind)
    result = guarded(kind.loaded, items, births, "answer")
    right = reference_sweep(kind.loaded, items, births, "answer")
    assert torch.equal(result.steered[4].logit_diff, right.steered[4].logit_diff)
    assert not guarded.trusted
    assert "differs from the reference path" in said[0]
