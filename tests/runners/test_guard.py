"""A sweep that is wrong is noticed, said, and replaced by the next way that is right."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch

import runners.engine.chains
import runners.engine.replay
from runners.campaign.bench import Bench
from runners.engine.chains import Sweep, sweep
from runners.engine.guard import GuardedSweep
from runners.engine.reference_sweep import reference_sweep
from runners.engine.replay import replay_sweep
from runners.engine.ways import ways
from specs.faults import Refused
from tests.runners.families import MIXED, random_births, random_items, random_model, stand_in, tiny
from tests.runners.family_configs import WIDTH

DYNAMIC = {"rope_type": "dynamic", "factor": 2.0, "rope_theta": 10000.0}
torch.set_num_threads(1)


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
    third = len(guarded.checks)
    assert third > second
    guarded(kind.loaded, some(kind), {1: births[2], 5: births[4]}, "decision")
    assert len(guarded.checks) > third, "other layers, as many of them, are another sweep"


def test_checks_are_few_and_on_the_longest_batch_of_a_unit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three blocks of many batches: one comparison a scope, and one more for a longer prompt."""
    from runners.engine import selfcheck
    from runners.engine.measure import Cell, measure_block

    loaded, lengths = tiny("llama"), []
    own = selfcheck.self_check

    def counted(loaded, items, births, scope, result):  # type: ignore[no-untyped-def]
        lengths.append((scope, max(len(item.prompt) for item in items)))
        return own(loaded, items, births, scope, result)

    monkeypatch.setattr(selfcheck, "self_check", counted)
    blocks = [random_items([*range(4, 24), last], [0] * 21, seed=last) for last in (30, 12, 34)]
    directions = random_births(loaded)
    vector = SimpleNamespace(directions={layer: rows[0] for layer, rows in directions.items()})
    cells = [
        Cell(SimpleNamespace(run_id=scope, scope=scope, operator="add", vector=vector), layer, 1.0)
        for scope in ("answer", "all")
        for layer in directions
    ]
    guarded = GuardedSweep("unit", pytest.fail)
    for items in blocks:
        measure_block(loaded, items, cells, guarded, 60)
    assert lengths == [("answer", 30), ("all", 30), ("answer", 34), ("all", 34)]


def spoil(way, wrong: float, layer: int = 4):  # type: ignore[no-untyped-def]
    """Return a sweep that is wrong in the last row of one layer."""

    def broken(*args) -> Sweep:  # type: ignore[no-untyped-def]
        result = way(*args)
        result.steered[layer].logit_diff[:, -1] += wrong
        return result

    return broken


@pytest.mark.parametrize("wrong", [0.1, float("nan")])
def test_wrong_chains_fall_back_to_replays(
    kind: Bench,
    births,  # type: ignore[no-untyped-def]
    wrong: float,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(runners.engine.chains, "sweep", spoil(sweep, wrong))
    said: list[str] = []
    guarded = GuardedSweep("unit", said.append)
    items = some(kind)
    result = guarded(kind.loaded, items, births, "answer")
    right = replay_sweep(kind.loaded, items, births, "answer")
    assert torch.equal(result.steered[4].logit_diff, right.steered[4].logit_diff)
    assert not guarded.trusted
    assert said[0].startswith("unit: the fast sweep differs from the reference path by ")
    assert said[0].endswith("; replays serve this unit, more slowly")
    assert guarded.checks
    guarded(kind.loaded, items, births, "answer")
    assert len(said) == 1


def test_wrong_replays_fall_back_to_the_reference_path(
    kind: Bench,
    births,  # type: ignore[no-untyped-def]
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(runners.engine.chains, "sweep", spoil(sweep, 0.1))
    monkeypatch.setattr(runners.engine.replay, "replay_sweep", spoil(replay_sweep, 0.1))
    said: list[str] = []
    guarded = GuardedSweep("unit", said.append)
    items = some(kind)
    result = guarded(kind.loaded, items, births, "answer")
    right = reference_sweep(kind.loaded, items, births, "answer")
    assert torch.equal(result.steered[4].logit_diff, right.steered[4].logit_diff)
    assert [line.split(" differs")[0] for line in said] == [
        "unit: the fast sweep",
        "unit: the replay",
    ]
    assert said[1].endswith("; the reference path serves this unit, slowly")


def test_scopes_that_touch_the_prompt_are_replayed_and_checked(
    kind: Bench,
    births,  # type: ignore[no-untyped-def]
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(runners.engine.chains, "sweep", None)
    guarded = GuardedSweep("unit", pytest.fail)
    items = some(kind)
    for scope in ("all", "prompt"):
        result = guarded(kind.loaded, items, births, scope)
        right = reference_sweep(kind.loaded, items, births, scope)
        torch.testing.assert_close(
            result.steered[2].logit_diff, right.steered[2].logit_diff, rtol=0, atol=1e-3
        )
    assert {scope for _, scope, _ in guarded.checks} == {"all", "prompt"}


def test_chains_that_refuse_a_model_hand_over_to_replays() -> None:
    # A block with an argument that nobody foresaw: the family is proven, this model of it is not.
    loaded = stand_in(random_model("llama"))
    block = loaded.model.model.layers[1]
    own = block.forward

    def forward(hidden_states, extra=None, **kwargs):  # type: ignore[no-untyped-def]
        return own(hidden_states, **kwargs)

    block.forward = forward
    handle = block.register_forward_pre_hook(
        lambda _m, args, kwargs: (args, {**kwargs, "extra": torch.ones(1)}), with_kwargs=True
    )
    said: list[str] = []
    guarded = GuardedSweep("unit", said.append)
    result = guarded(loaded, MIXED, random_births(loaded), "answer")
    handle.remove()
    block.forward = own
    expected = sweep(loaded, MIXED, random_births(loaded), "answer")
    torch.testing.assert_close(
        result.steered[1].logit_diff, expected.steered[1].logit_diff, rtol=0, atol=3e-5
    )
    assert "argument extra [1] is not known" in said[0]
    assert said[0].endswith("; replays serve this unit, more slowly")


def test_what_is_wrong_with_the_items_is_refused_and_not_handed_on() -> None:
    loaded = tiny("llama")
    births = {1: torch.full((1, WIDTH), float("inf"))}
    for scope in ("answer", "all"):
        guarded = GuardedSweep("unit", pytest.fail)
        with pytest.raises(Refused, match="gives logits that are not finite"):
            guarded(loaded, MIXED, births, scope)


def test_ways_are_the_fastest_that_are_exact() -> None:
    everything, replays = ("chains", "replay", "reference"), ("replay", "reference")
    assert ways(tiny("llama"), MIXED, "answer") == everything
    assert ways(tiny("llama"), MIXED, "all") == replays
    assert ways(tiny("bloom"), MIXED, "decision") == replays
    stretched = tiny("phi3 (longrope)")
    assert ways(stretched, MIXED, "answer") == replays
    assert ways(stretched, MIXED[:1], "answer") == everything
    dynamic = stand_in(random_model("llama", rope_parameters=DYNAMIC, max_position_embeddings=12))
    assert ways(dynamic, MIXED[:1], "all") == replays
    with pytest.raises(Refused, match="dynamic rotary positions"):
        ways(dynamic, MIXED, "answer")
