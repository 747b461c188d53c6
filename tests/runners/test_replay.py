"""The replay sweep equals the reference path, in every scope and on every family."""

import pytest
import torch

from runners.engine import replay
from runners.engine.chains import sweep
from runners.engine.forwards import tails
from runners.engine.replay import replay_sweep
from runners.engine.resume import steered_positions
from runners.engine.selfcheck import tolerance
from runners.models.architecture import parts
from runners.models.families import REPLAYED
from tests.runners.differences import largest_differences
from tests.runners.families import (
    MIXED,
    MULTIPLIERS,
    random_births,
    random_items,
    random_model,
    stand_in,
    tiny,
)
from tests.runners.family_configs import CONFIGS, LAYERS, REPLAYED_CONFIGS, WIDTH
from tests.runners.stories import stories

LATE, WIDE = ("answer", "decision"), ("prompt", "all")
ALL = {**CONFIGS, **REPLAYED_CONFIGS}
torch.set_num_threads(1)


def held_equal(loaded, scope, items=MIXED):
    for found in largest_differences(loaded, items, scope, way=replay_sweep):
        allowed = tolerance(torch.float32, found.scale)
        assert found.scale > 1
        assert found.moved > 0.1
        assert found.logit_diff <= allowed
        assert found.answer_logmass <= allowed
        assert found.prefix_logprob <= 2e-5


def test_every_family_that_is_called_proven_is_measured_here():
    kinds = {tiny(name).model.config.model_type for name in REPLAYED_CONFIGS}
    assert kinds - {"phi3"} == set(REPLAYED)


@pytest.mark.parametrize("scope", WIDE)
@pytest.mark.parametrize("name", ALL)
def test_equals_the_reference_path_batched_and_alone(name, scope):
    held_equal(tiny(name), scope)


@pytest.mark.parametrize("scope", LATE)
@pytest.mark.parametrize("name", [*REPLAYED_CONFIGS, "llama", "gemma3_text", "opt"])
def test_serves_the_late_scopes_where_chains_cannot(name, scope):
    held_equal(tiny(name), scope)


EAGER = [name for name in REPLAYED_CONFIGS if "sdpa" in REPLAYED.get(name, [()])[0]]


@pytest.mark.parametrize("name", [*EAGER, "llama", "qwen3_moe", "falcon", "llama4_text (chunk 8)"])
def test_eager_attention(name):
    loaded = stand_in(random_model(name, attn_implementation="eager"))
    for scope in ("answer", "all"):
        held_equal(loaded, scope)


@pytest.mark.parametrize("scope", WIDE)
@pytest.mark.parametrize(
    "name", ["llama", "mistral (window 6)", "gemma3_text", "gpt2", "falcon (alibi)", "lfm2"]
)
def test_nothing_but_rounding_separates_the_paths(name, scope):
    loaded = stand_in(random_model(name), torch.float64)
    for found in largest_differences(loaded, MIXED, scope, way=replay_sweep):
        assert found.logit_diff <= 1e-6 * found.scale
        assert found.answer_logmass <= 2e-6


@pytest.mark.parametrize("scope", [*LATE, *WIDE])
def test_half_precision_is_within_its_own_noise(scope):
    loaded = stand_in(random_model("llama"), torch.bfloat16)
    births = random_births(loaded, size=10.0)
    for found in largest_differences(loaded, MIXED, scope, births, replay_sweep):
        assert found.logit_diff <= tolerance(torch.bfloat16, found.scale)
        assert found.moved > 3 * found.logit_diff


@pytest.mark.parametrize("scope", WIDE)
def test_on_a_trained_model_and_real_words(scope):
    loaded, items = stories()
    held_equal(loaded, scope, items[:4])


def steered(loaded, scope, births=None, items=MIXED):
    births = random_births(loaded) if births is None else births
    found = replay_sweep(loaded, items, births, scope)
    return {layer: answers.logit_diff for layer, answers in found.steered.items()}


@pytest.mark.parametrize("scope", LATE)
def test_equals_chains(scope):
    loaded = tiny("llama")
    by_chains = sweep(loaded, MIXED, random_births(loaded), scope)
    by_replay = replay_sweep(loaded, MIXED, random_births(loaded), scope)
    pairs = [(by_chains.unsteered, by_replay.unsteered)]
    pairs += [(by_chains.steered[k], by_replay.steered[k]) for k in range(LAYERS)]
    for one, other in pairs:
        for a, b in zip(one, other, strict=True):
            torch.testing.assert_close(a, b, rtol=0, atol=3e-5)
    torch.testing.assert_close(by_chains.prefix_logprob, by_replay.prefix_logprob)


@pytest.mark.parametrize(
    ("scope", "expected"),
    [
        ("all", range(11)),
        ("prompt", range(9)),
        ("answer", range(8, 11)),
        ("decision", range(10, 11)),
    ],
)
def test_positions_of_each_scope(scope, expected):
    assert steered_positions(random_items([9], [2])[0].lines[0], scope) == expected


def test_scopes_agree_where_they_steer_the_same_positions_and_nowhere_else():
    loaded = tiny("llama")
    by_scope = {scope: steered(loaded, scope, random_births(loaded, [1]))[1] for scope in WIDE}
    gap = (by_scope["all"] - by_scope["prompt"]).abs()[:, 0]
    shared = torch.tensor([len(item.shared) > 0 for item in MIXED])
    assert gap[shared].min() > 1e-3
    assert gap[~shared].max() <= 1e-5
    # After the last block nobody looks back: only the decision position itself counts.
    last = {s: steered(loaded, s, random_births(loaded, [3]))[3] for s in (*LATE, *WIDE)}
    torch.testing.assert_close(last["all"], last["decision"], rtol=0, atol=1e-5)
    assert (last["prompt"] - last["prompt"][:, 1:2])[shared].abs().max() <= 1e-5


@pytest.mark.parametrize("scope", WIDE)
def test_the_opposite_vector_mirrors(scope):
    loaded = stand_in(random_model("qwen2"), torch.float64)
    births = random_births(loaded, size=0.01)
    mirrored = {layer: -rows for layer, rows in births.items()}
    there, back = (steered(loaded, scope, some) for some in (births, mirrored))
    plain = replay_sweep(loaded, MIXED, {}, scope).unsteered.logit_diff[:, None]
    for layer in births:
        up, down = there[layer] - plain, back[layer] - plain
        torch.testing.assert_close(up[:, 1], torch.zeros(len(MIXED)), rtol=0, atol=1e-6)
        # A vector this short moves the model in a straight line.
        assert (up + down).abs().max() <= 0.05 * up.abs().max()
        assert up.abs().max() > 1e-5
    doubled = {k: torch.cat([rows, -rows]) for k, rows in births.items()}
    for layer, found in steered(loaded, scope, doubled).items():
        expected = torch.cat([there[layer], back[layer]], 1)
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-6)


def test_order_and_company_of_items_change_nothing():
    loaded = tiny("mistral (window 6)")
    together, reverse = steered(loaded, "all"), steered(loaded, "all", items=MIXED[::-1])
    for layer, found in together.items():
        torch.testing.assert_close(found, reverse[layer].flip(0), rtol=0, atol=2e-5)


@pytest.mark.parametrize("kept", [1, 3])
def test_small_passes_and_few_kept_layers_change_nothing(kept, monkeypatch):
    loaded = tiny("gpt2")
    births = {layer: rows.repeat(3, 1) for layer, rows in random_births(loaded).items()}
    whole = steered(loaded, "prompt", births)
    monkeypatch.setattr(replay, "KEPT", kept)
    monkeypatch.setattr(replay, "FEWEST", 1)
    for layer, found in steered(loaded, "prompt", births).items():
        assert found.shape == (len(MIXED), 9)
        torch.testing.assert_close(found, whole[layer], rtol=0, atol=2e-5)


def test_no_replay_is_larger_than_the_batch_and_early_blocks_run_once(monkeypatch):
    monkeypatch.setattr(replay, "FEWEST", 1)
    loaded = stand_in(random_model("llama"))
    tails(parts(loaded.model))  # a pass over one token, once for a model
    tokens, runs = [], [0] * LAYERS

    def count(layer):
        def hook(_module, args, _output):
            runs[layer] += 1
            tokens.append(args[0].shape[0] * args[0].shape[1])

        return hook

    for layer, block in enumerate(parts(loaded.model).blocks):
        block.mlp.register_forward_hook(count(layer))
    births = {1: torch.randn(4, WIDTH)}
    replay_sweep(loaded, MIXED, births, "all")
    assert runs == [1, 1, 5, 5]
    assert max(tokens) == len(MIXED) * 24


def test_a_sweep_without_births_is_the_unsteered_model():
    loaded = tiny("llama")
    empty = replay_sweep(loaded, MIXED, {}, "all")
    assert empty.steered == {}
    with_none = replay_sweep(loaded, MIXED, {2: torch.empty(0, WIDTH)}, "all")
    assert with_none.steered[2].logit_diff.shape == (len(MIXED), 0)
    torch.testing.assert_close(with_none.unsteered.logit_diff, empty.unsteered.logit_diff)
    assert empty.prefix_logprob[3] == 0


def test_results_are_float32_on_the_cpu_and_layers_come_in_order():
    births = dict(reversed(random_births(tiny("llama")).items()))
    result = replay_sweep(tiny("llama"), MIXED, births, "all")
    assert list(result.steered) == list(range(LAYERS))
    for answers in (result.unsteered, *result.steered.values()):
        assert {part.dtype for part in answers} == {torch.float32}
        assert {part.device.type for part in answers} == {"cpu"}
    assert result.steered[0].largest.shape == (len(MIXED), len(MULTIPLIERS))


def test_a_prompt_of_one_token_is_served():
    items = random_items([9, 1], [1, 1])
    found = replay_sweep(tiny("llama"), items, random_births(tiny("llama")), "answer")
    assert found.steered[0].logit_diff.isfinite().all()


def test_a_layer_the_model_does_not_have():
    with pytest.raises(ValueError, match=r"layers \[4\]"):
        replay_sweep(tiny("llama"), MIXED, {LAYERS: torch.zeros(1, WIDTH)}, "all")


def test_blocks_are_as_they_were_also_when_the_model_fails():
    loaded = stand_in(random_model("llama"))
    blocks = parts(loaded.model).blocks
    tails(parts(loaded.model))
    calls = []
    own = blocks[0].forward

    def wrapped(*args, **kwargs):  # as accelerate leaves one on the instance
        calls.append(1)
        return own(*args, **kwargs)

    blocks[0].forward = wrapped
    replay_sweep(loaded, MIXED[:2], random_births(loaded, [1]), "all")
    assert len(calls) == 1
    seen = []

    def fail(*_args, **_kwargs):
        seen.append(1)
        if len(seen) > 1:  # the base pass goes through
            raise RuntimeError("no")

    handle = blocks[2].register_forward_hook(fail)
    with pytest.raises(RuntimeError, match="no"):
        replay_sweep(loaded, MIXED[:2], random_births(loaded, [1]), "all")
    handle.remove()
    assert blocks[0].forward is wrapped
    assert all("forward" not in vars(block) for block in blocks[1:])
    assert not any(block._forward_hooks for block in blocks)
