"""Completions of several tokens: the sum over all their tokens, by every path alike."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch

from runners.engine import chains, prefix, weave
from runners.engine.answers import Answers
from runners.engine.batches import batches
from runners.engine.chains import sweep
from runners.engine.guard import GuardedSweep
from runners.engine.reference import measure, reference_activations
from runners.engine.reference_sweep import reference_sweep
from runners.engine.replay import replay_sweep
from runners.engine.resume import steered_positions
from runners.engine.selfcheck import tolerance
from runners.engine.sequences import Side, Told, joined
from runners.fitting.extraction import read_activations
from runners.models.architecture import parts
from tests.runners.completions import UNEQUAL, several
from tests.runners.differences import largest_differences
from tests.runners.families import MIXED, random_births, random_model, stand_in, tiny
from tests.runners.family_configs import CONFIGS

LATE = ("answer", "decision")
SCOPES = (*LATE, "prompt", "all")
TELLING = ("llama", "gemma2", "gpt2", "qwen2", "mistral (window 6)", "llama4_text (chunk 8)")
torch.set_num_threads(1)


def held_equal(loaded, scope, way, items=UNEQUAL, births=None):
    for found in largest_differences(loaded, items, scope, births, way):
        allowed = tolerance(torch.float32, found.scale)
        assert found.scale > 1
        assert found.moved > 0.1
        assert found.logit_diff <= allowed
        assert found.answer_logmass <= allowed
        assert found.prefix_logprob <= 2e-5


def plain(model, item, layer=None, delta=None, positions=()):
    """Log-probabilities of both completions after prompt and shared tokens, by the model alone."""

    def add(_module, _args, output):
        hidden = output[0] if isinstance(output, tuple) else output
        for position in positions:
            if position < hidden.shape[1]:
                hidden[:, position] += delta
        return output

    handle = parts(model).blocks[layer].register_forward_hook(add) if positions else None
    found = []
    for completion in (item.positive, item.negative):
        ids = [*item.prompt, *item.shared, *completion]
        with torch.inference_mode():
            logprobs = model(torch.tensor([ids])).logits[0].double().log_softmax(-1)
        start = len(ids) - len(completion)
        found.append(sum(float(logprobs[i - 1, ids[i]]) for i in range(start, len(ids))))
    if handle:
        handle.remove()
    return found


@pytest.mark.parametrize("name", ["llama", "gpt2", "gemma2"])
@pytest.mark.parametrize("scope", SCOPES)
def test_the_reference_path_is_the_sum_that_the_model_itself_gives(name, scope):
    loaded, births = tiny(name), random_births(tiny(name))
    for item in UNEQUAL:
        positive, negative = plain(loaded.model, item)
        unsteered = measure(loaded, item, scope)
        assert unsteered.logit_diff == pytest.approx(positive - negative, abs=1e-4)
        assert unsteered.answer_logmass == pytest.approx(
            math.log(math.exp(positive) + math.exp(negative)), abs=1e-4
        )
        last, decision = len(item.prompt) - 1, item.decision
        where = {
            "answer": range(last, 99),
            "decision": range(decision, 99),
            "prompt": range(last + 1),
            "all": range(99),
        }[scope]
        positive, negative = plain(loaded.model, item, 1, births[1][0], where)
        steered = measure(loaded, item, scope, 1, births[1][0])
        assert steered.logit_diff == pytest.approx(positive - negative, abs=1e-4)
        assert abs(steered.logit_diff - unsteered.logit_diff) > 1e-3


def test_completions_of_one_token_are_scored_as_letters_are():
    loaded = tiny("llama")
    for item in MIXED:
        one = replace(item, positive=item.positive[:1], negative=item.negative[:1], sequence=True)
        assert one.lines[0].tokens == item.lines[0].tokens
        assert len(one.lines) == 1
        letters, text = measure(loaded, item, "answer"), measure(loaded, one, "answer")
        assert text == pytest.approx(letters)


def test_letters_are_read_from_one_position_whatever_follows_them():
    item = MIXED[0]
    assert item.tails == ((), ())
    assert item.width == item.length == item.decision + 1


@pytest.mark.parametrize("name", ["llama", "gemma2", "gpt2", "qwen2", "mistral (window 6)", "bloom", "mamba", "phi3 (longrope)"])  # fmt: skip
@pytest.mark.parametrize("scope", SCOPES)
def test_replay_equals_the_reference_path(name, scope):
    held_equal(tiny(name), scope, replay_sweep)


@pytest.mark.parametrize("scope", LATE)
@pytest.mark.parametrize("name", TELLING)
def test_chains_equal_the_reference_path(name, scope):
    held_equal(tiny(name), scope, sweep)


@pytest.mark.slow
@pytest.mark.parametrize("scope", LATE)
@pytest.mark.parametrize("name", [name for name in CONFIGS if name not in TELLING])
def test_chains_equal_the_reference_path_on_every_family(name, scope):
    held_equal(tiny(name), scope, sweep)


@pytest.mark.parametrize(
    ("scope", "expected"),
    [("all", 14), ("prompt", 9), ("answer", 6), ("decision", 4)],
)
def test_scopes_steer_through_the_tail(scope, expected):
    (item,) = several([9], [2], [(4, 1)])
    assert [len(steered_positions(line, scope)) for line in item.lines] == [
        expected,
        expected - (0 if scope == "prompt" else 3),
    ]


def test_the_reference_sweep_is_made_of_such_numbers():
    loaded, births = tiny("llama"), random_births(tiny("llama"), [1])
    result = reference_sweep(loaded, UNEQUAL[:2], births, "all")
    again = measure(loaded, UNEQUAL[1], "all", 1, births[1][2])
    assert float(result.steered[1].logit_diff[1, 2]) == pytest.approx(again.logit_diff)
    assert float(result.steered[1].largest[1, 2]) == pytest.approx(again.largest)


def test_joined_is_the_sum_of_both_parts():
    first = [math.log(0.2), math.log(0.05)]
    behind = [-3.0, -0.5]
    whole = [a + b for a, b in zip(first, behind, strict=True)]
    mass = math.log(sum(map(math.exp, first)))
    one = torch.tensor([[1.0]])
    answers = Answers((first[0] - first[1]) * one, mass * one, 4 * one)
    found = joined(
        Side(answers, Told(behind[0] * one, 2 * one)), Side(answers, Told(behind[1] * one, 7 * one))
    )
    assert float(found.logit_diff) == pytest.approx(whole[0] - whole[1], abs=1e-5)
    assert float(found.answer_logmass) == pytest.approx(
        math.log(sum(map(math.exp, whole))), abs=1e-5
    )
    assert float(found.largest) == 11


@pytest.mark.parametrize(("way", "scope"), [(sweep, "decision"), (replay_sweep, "all")])
def test_half_precision_stays_within_its_tolerance(way, scope):
    loaded = stand_in(random_model("llama"), torch.bfloat16)
    births = random_births(loaded, [1])
    fast = way(loaded, UNEQUAL, births, scope).steered[1].logit_diff
    slow = reference_sweep(loaded, UNEQUAL, births, scope).steered[1]
    gap = (fast - slow.logit_diff).abs().max()
    assert gap <= tolerance(torch.bfloat16, float(slow.largest.max()))


def test_where_every_completion_has_one_token_no_chain_is_longer_than_for_letters():
    loaded, births = tiny("llama"), random_births(tiny("llama"))
    one = [replace(i, positive=i.positive[:1], negative=i.negative[:1]) for i in MIXED]
    rows = rows_through(loaded, lambda: sweep(loaded, one, births, "decision"))
    text = [replace(item, sequence=True) for item in one]
    assert rows_through(loaded, lambda: sweep(loaded, text, births, "decision")) == rows
    longer = rows_through(loaded, lambda: sweep(loaded, UNEQUAL, births, "decision"))
    assert sum(longer) > sum(rows)


def rows_through(loaded, run):
    """Return how many rows each block's attention meets, block by block."""
    seen = []
    handles = [
        block.self_attn.q_proj.register_forward_pre_hook(
            lambda _m, args: seen.append(args[0].shape[1])
        )
        for block in parts(loaded.model).blocks
    ]
    run()
    for handle in handles:
        handle.remove()
    return seen


@pytest.mark.parametrize("scope", LATE)
@pytest.mark.parametrize("name", ["llama", "gemma2"])
def test_many_chains_in_several_passes(name, scope, monkeypatch):
    loaded = tiny(name)
    births = {layer: rows.repeat(3, 1) for layer, rows in random_births(loaded).items()}
    whole = sweep(loaded, UNEQUAL, births, scope)
    monkeypatch.setattr(chains, "ROWS", 40)
    monkeypatch.setattr(weave, "ROWS", 24)
    cut = sweep(loaded, UNEQUAL, births, scope)
    for layer in births:
        for one, other in zip(whole.steered[layer], cut.steered[layer], strict=True):
            torch.testing.assert_close(one, other, rtol=0, atol=1e-4)


def test_a_beginning_that_prompts_share_is_computed_once(monkeypatch):
    monkeypatch.setitem(prefix.WORTH, "cpu", 0)
    loaded = tiny("llama")
    alike = [replace(item, prompt=(*range(3, 12), *item.prompt)) for item in UNEQUAL]
    with prefix.sharing(loaded, alike):
        held_equal(loaded, "answer", sweep, alike)


@pytest.mark.parametrize("name", ["gpt2", "opt"])
def test_padding_at_the_end_of_a_stem_may_lie_beyond_the_context(name):
    items = several([124, 118], [1, 1], [(1, 2), (5, 4)])
    assert max(item.length for item in items) < 128 < 125 + 3 + 4
    held_equal(tiny(name), "answer", sweep, items, random_births(tiny(name), [1]))


def test_batches_keep_to_the_budget_with_both_tails():
    items = several([20] * 6, [1] * 6, [(5, 5)] * 6)
    assert items[0].width == 21 + 8
    assert [len(batch) for batch in batches(items, 2 * 29)] == [2, 2, 2]


@pytest.mark.parametrize("name", ["llama", "gemma2", "mamba"])
def test_activations_are_read_at_the_first_tokens_that_differ(name):
    loaded = tiny(name)
    read = read_activations(loaded, UNEQUAL, 60)
    for i, item in enumerate(UNEQUAL):
        positive, negative = reference_activations(loaded, item)
        torch.testing.assert_close(read.positive[i], positive, rtol=1e-4, atol=1e-4)
        torch.testing.assert_close(read.negative[i], negative, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("scope", SCOPES)
def test_the_guard_looks_at_whole_completions_and_passes(scope):
    loaded, said = tiny("qwen2"), []
    guarded = GuardedSweep("unit", said.append)
    result = guarded(loaded, UNEQUAL, random_births(loaded, [0, 2]), scope)
    assert not said
    assert len(guarded.checks) >= 5
    for check, _, _ in guarded.checks:
        if check.layer is not None:
            found = result.steered[check.layer].logit_diff[check.item, check.row]
            assert float(found) == check.fast


def test_the_guard_sees_a_tail_that_is_read_one_token_off(monkeypatch):
    loaded, said = tiny("qwen2"), []
    own = chains.Place

    def off(owner, batch, row, token):
        return own(owner, batch, row - 1, token)

    monkeypatch.setattr(chains, "Place", off)
    guarded = GuardedSweep("unit", said.append)
    guarded(loaded, UNEQUAL, random_births(loaded, [0, 2]), "answer")
    assert "differs from the reference path" in said[0]
    assert guarded.distrusted == {"chains"}
