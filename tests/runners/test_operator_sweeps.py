"""Every operator equals the reference path, in every scope and by every way, and is guarded."""

from __future__ import annotations

from typing import get_args

import pytest
import torch

from runners.engine import chains
from runners.engine.chains import sweep
from runners.engine.edits import Edit, Edits, edited, operators, rows_of
from runners.engine.guard import GuardedSweep
from runners.engine.reference import measure
from runners.engine.reference_sweep import reference_sweep
from runners.engine.replay import replay_sweep
from runners.engine.selfcheck import self_check, tolerance
from runners.models.architecture import parts
from specs.faults import Refused
from specs.parts import Operator
from tests.runners.differences import LONG, largest_differences
from tests.runners.families import (
    MIXED,
    OPERATIONS,
    random_births,
    random_edits,
    random_model,
    stand_in,
    tiny,
)
from tests.runners.family_configs import CONFIGS, REPLAYED_CONFIGS, WIDTH
from tests.runners.stories import stories

torch.set_num_threads(1)
WAYS = {"answer": sweep, "decision": sweep, "prompt": replay_sweep, "all": replay_sweep}
TWO = MIXED[3:]
"""Without shared tokens, and a short prompt with two of them."""
FEW = ("llama", "gemma3_text")
NAMES: tuple[str, ...] = get_args(Operator)
V = torch.randn(WIDTH, generator=torch.Generator().manual_seed(7))


@pytest.mark.parametrize("scope", ["prompt", "decision"])
@pytest.mark.parametrize(("operator", "multiplier"), OPERATIONS)
def test_the_reference_path_does_as_it_is_told_where_it_is_told(operator, multiplier, scope):
    loaded, item, seen = tiny("llama"), MIXED[4], {}
    block = parts(loaded.model).blocks[2]
    handle = block.register_forward_pre_hook(lambda _module, args: seen.update(x=args[0][0]))
    measure(loaded, item, scope)
    before = seen["x"]
    measure(loaded, item, scope, 1, Edit(operator, multiplier, V))
    handle.remove()
    there = range(len(item.prompt)) if scope == "prompt" else range(item.decision, len(before))
    expected = before.clone()
    expected[[*there]] = edited(rows_of([Edit(operator, multiplier, V)]), before[None, [*there]])[0]
    torch.testing.assert_close(seen["x"], expected, rtol=0, atol=2e-5)
    elsewhere = [i for i in range(len(before)) if i not in there]
    assert torch.equal(seen["x"][elsewhere], before[elsewhere])


def held_equal(loaded, scope, way, items, births, dtype=torch.float32):
    for found in largest_differences(loaded, items, scope, births, way):
        allowed = tolerance(dtype, found.scale)
        assert found.moved > 0.05
        assert found.logit_diff <= allowed
        assert found.answer_logmass <= allowed


@pytest.mark.parametrize("scope", WAYS)
@pytest.mark.parametrize("name", FEW)
def test_equals_the_reference_path(name, scope):
    held_equal(tiny(name), scope, WAYS[scope], TWO, random_edits(tiny(name), [0, 2]))


@pytest.mark.parametrize("name", [name for name in CONFIGS if name not in FEW])
def test_chains_of_every_family_equal_the_reference_path(name):
    births = random_edits(tiny(name), [1], operations=OPERATIONS[1::2])
    held_equal(tiny(name), "answer", sweep, TWO, births)


@pytest.mark.parametrize("name", REPLAYED_CONFIGS)
def test_replays_of_every_family_equal_the_reference_path(name):
    births = random_edits(tiny(name), [1], operations=OPERATIONS[1::2])
    held_equal(tiny(name), "all", replay_sweep, TWO, births)


@pytest.mark.slow
@pytest.mark.parametrize("scope", WAYS)
@pytest.mark.parametrize("name", [*CONFIGS, *REPLAYED_CONFIGS])
def test_every_family_in_every_scope(name, scope):
    way = replay_sweep if name in REPLAYED_CONFIGS else WAYS[scope]
    held_equal(tiny(name), scope, way, TWO, random_edits(tiny(name), [0, 2]))


@pytest.mark.parametrize("scope", ["answer", "all"])
def test_nothing_but_rounding_separates_the_paths(scope):
    loaded = stand_in(random_model("llama"), torch.float64)
    for found in largest_differences(loaded, TWO, scope, random_edits(loaded, [1]), WAYS[scope]):
        assert found.logit_diff <= 1e-6 * found.scale


@pytest.mark.parametrize("scope", ["answer", "all"])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_is_within_its_own_noise(scope, dtype):
    loaded = stand_in(random_model("llama"), dtype)
    held_equal(loaded, scope, WAYS[scope], TWO, random_edits(loaded, [1], 10.0), dtype)


@pytest.mark.parametrize("scope", ["answer", "all"])
def test_on_a_trained_model_and_real_words(scope):
    loaded, items = stories()
    held_equal(loaded, scope, WAYS[scope], items, random_edits(loaded, [2], 2.0))


@pytest.mark.parametrize("scope", ["answer", "all"])
def test_completions_of_several_tokens(scope):
    loaded = tiny("llama")
    held_equal(loaded, scope, WAYS[scope], LONG[3:], random_edits(loaded, [1]))


def test_more_rows_than_live_at_once(monkeypatch):
    loaded, births = tiny("llama"), random_edits(tiny("llama"), [0, 2])
    whole = sweep(loaded, TWO, births, "answer")
    monkeypatch.setattr(chains, "MOST", 3)
    cut = sweep(loaded, TWO, births, "answer")
    for layer, found in whole.steered.items():
        torch.testing.assert_close(
            found.logit_diff, cut.steered[layer].logit_diff, rtol=0, atol=2e-5
        )


# Guards -------------------------------------------------------------------------------------------


def test_every_operator_is_among_what_a_sweep_checks_itself_by():
    loaded, births = tiny("llama"), random_edits(tiny("llama"))
    births[3] = random_births(loaded)[3].repeat(9, 1)
    result = sweep(loaded, TWO, births, "answer")
    found = self_check(loaded, TWO, births, "answer", result)
    seen = {operators(births[c.layer])[c.row] for c in found if c.layer is not None}
    assert seen == set(NAMES)
    assert all(check.difference <= tolerance(torch.float32, check.scale) for check in found)


def test_one_operator_being_wrong_lets_replays_serve(monkeypatch):
    loaded, births, said = tiny("llama"), random_edits(tiny("llama"), [1]), []
    own = Edits.on

    def wrong(rows, hidden):  # chains have an axis more than prompts
        found = own(rows, hidden)
        if hidden.dim() == 4:
            found[:, torch.tensor([name == "ablate" for name in operators(rows)])] += 1
        return found

    monkeypatch.setattr(Edits, "on", wrong)
    result = GuardedSweep("unit", said.append)(loaded, TWO, births, "answer")
    assert "the fast sweep differs from the reference path" in said[0]
    truth = reference_sweep(loaded, TWO, births, "answer")
    torch.testing.assert_close(
        result.steered[1].logit_diff, truth.steered[1].logit_diff, rtol=0, atol=1e-4
    )


def test_overflow_names_the_operator():
    loaded = stand_in(random_model("llama"), torch.float16)
    births = {1: rows_of([Edit("ablate", 1, V), Edit("clamp", 1e6, V)])}
    with pytest.raises(Refused, match=r"operator clamp with row 1 \(length .*at layer 1 gives"):
        sweep(loaded, TWO, births, "answer")
