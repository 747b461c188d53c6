"""Tokens that prompts begin with alike are computed once, and no number tells."""

from dataclasses import replace

import pytest
import torch
from hypothesis import given, strategies as st
from transformers import DynamicCache

from runners.engine import prefix
from runners.engine.chains import sweep
from runners.engine.prefix import begin, common_length, sharing
from runners.engine.selfcheck import tolerance
from runners.fitting.extraction import read_activations
from runners.models.architecture import parts
from tests.runners.differences import largest_differences
from tests.runners.families import MIXED, random_births, random_items, random_model, stand_in, tiny
from tests.runners.family_configs import CONFIGS

torch.set_num_threads(1)
SYSTEM = random_items([9], [0], seed=9)[0].prompt
BEHIND = [replace(item, prompt=SYSTEM + item.prompt) for item in MIXED]
SLIDING = {name for name in CONFIGS if any(DynamicCache(config=tiny(name).model.config).is_sliding)}
PLAIN = ["llama", "qwen2", "qwen3", "gpt2", "gpt_neox", "olmo2", "granite"]


@pytest.fixture
def always(monkeypatch):
    """Share whatever can be shared, however little it saves."""
    monkeypatch.setitem(prefix.WORTH, "cpu", 0)


@pytest.fixture
def shapes(monkeypatch):
    """Return a function that hooks a model and hears of the shape of every decoder call."""

    def heard(loaded):
        calls = []
        decoder = parts(loaded.model).decoder

        def hear(_module, _args, kwargs):
            if kwargs.get("past_key_values") is not None:  # neither the head nor the reference path
                calls.append(tuple(kwargs["input_ids"].shape))

        handles.append(decoder.register_forward_pre_hook(hear, with_kwargs=True))
        return calls

    handles = []
    yield heard
    for handle in handles:
        handle.remove()


ROWS = st.lists(st.lists(st.integers(0, 2), min_size=1, max_size=8), min_size=1, max_size=5)


@given(ROWS, st.integers(0, 3))
def test_the_common_length_is_that_of_all_rows(rows, apart):
    most = max(0, min(map(len, rows)) - apart)
    expected = next(k for k in range(most, -1, -1) if len({tuple(r[:k]) for r in rows}) == 1)
    assert max(0, common_length(rows, apart)) == expected


@pytest.mark.parametrize("scope", ["answer", "decision"])
@pytest.mark.parametrize("name", PLAIN)
def test_equals_the_reference_path(name, scope, always, shapes):
    calls = shapes(tiny(name))
    together, alone = largest_differences(tiny(name), BEHIND, scope)
    assert (1, len(SYSTEM)) in calls
    for found in (together, alone):
        assert found.moved > 0.2
        assert found.logit_diff <= tolerance(torch.float32, found.scale)
        assert found.answer_logmass <= 2e-5
        assert found.prefix_logprob <= 2e-5


@pytest.mark.parametrize("name", ["llama", "gpt2"])
def test_nothing_but_rounding_separates_on_and_off(name, monkeypatch):
    loaded = stand_in(random_model(name), torch.float64)
    births = random_births(loaded)
    results = []
    for worth in (0, 10**9):
        monkeypatch.setitem(prefix.WORTH, "cpu", worth)
        results.append(sweep(loaded, BEHIND, births, "answer"))
    on, off = results
    for layer in births:
        torch.testing.assert_close(
            on.steered[layer].logit_diff, off.steered[layer].logit_diff, rtol=1e-6, atol=1e-6
        )


@pytest.mark.parametrize("name", PLAIN)
def test_extraction_reads_the_same(name, monkeypatch):
    # In float64: what rounds float32 apart (2e-5 for granite) would hide what is wrong.
    loaded, read = stand_in(random_model(name), torch.float64), []
    for worth in (0, 10**9):
        monkeypatch.setitem(prefix.WORTH, "cpu", worth)
        read.append(read_activations(loaded, BEHIND, 60))
    assert largest_gap(*read) <= 1e-6


def largest_gap(one, other):
    pairs = zip(one[:2], other[:2], strict=True)
    return max(float(((a - b).norm(dim=-1) / b.norm(dim=-1)).max()) for a, b in pairs)


@pytest.mark.parametrize("name", sorted(SLIDING))
def test_switches_itself_off_where_layers_slide(name, always, shapes):
    loaded = tiny(name)
    calls = shapes(loaded)
    sweep(loaded, BEHIND, random_births(loaded, [1]), "decision")
    assert all(batch == len(BEHIND) for batch, _ in calls)


def test_windows_are_among_what_switches_off():
    assert {"mistral (window 6)", "gemma2", "gemma3_text", "qwen2 (sliding layers)"} <= SLIDING
    assert not SLIDING & set(PLAIN)


def test_the_rest_of_a_prompt_is_all_that_is_repeated(always, shapes):
    loaded = tiny("llama")
    calls = shapes(loaded)
    sweep(loaded, BEHIND, {}, "decision")
    longest = max(len(item.prompt) + len(item.shared) - 1 for item in BEHIND)
    assert calls == [
        (1, 9),
        *((5, longest - 9 + together) for together in (0, 1)),  # what blocks would be handed
        (5, 1),
    ]


def test_not_where_it_saves_less_than_a_pass_costs(monkeypatch):
    loaded, rows = tiny("llama"), [(1, 2, 3, 4)] * 5
    with torch.inference_mode():
        for worth, expected in ((12, 3), (13, 0)):
            monkeypatch.setitem(prefix.WORTH, "cpu", worth)
            common, cache = begin(loaded, rows, 1)
            assert (common, cache.get_seq_length()) == (expected, expected)
        monkeypatch.setitem(prefix.WORTH, "cpu", 0)
        assert begin(loaded, rows[:1], 1)[0] == 0


def test_batches_of_a_block_share_one_pass_over_what_all_begin_with(monkeypatch, shapes):
    loaded, births = tiny("llama"), random_births(tiny("llama"), [1])
    # Alone a pair saves 9 tokens, too few; the block saves 36.
    monkeypatch.setitem(prefix.WORTH, "cpu", 36)
    calls, found = shapes(loaded), []
    with sharing(loaded, BEHIND):
        for pair in (BEHIND[:2], BEHIND[2:4], BEHIND[4:]):
            found.append(sweep(loaded, pair, births, "decision").steered[1].logit_diff)
    assert calls.count((1, 9)) == 1
    trunks = [shape for shape in calls if shape[0] == 2 and shape[1] > 1]
    assert trunks == [(2, 23), (2, 24), (2, 14), (2, 15)]
    calls.clear()
    whole = sweep(loaded, BEHIND, births, "decision").steered[1].logit_diff
    torch.testing.assert_close(torch.cat(found), whole, rtol=0, atol=3e-5)


def test_what_is_held_is_gone_afterwards_and_serves_no_other_model(monkeypatch, shapes):
    loaded, other = tiny("llama"), tiny("qwen2")
    monkeypatch.setitem(prefix.WORTH, "cpu", 36)
    calls = shapes(other)
    with sharing(loaded, BEHIND):
        sweep(loaded, BEHIND[:2], {}, "decision")
        sweep(other, BEHIND[:2], {}, "decision")
    with sharing(other, []):
        sweep(other, BEHIND[:2], {}, "decision")
    assert (1, 9) not in calls
    mine = shapes(loaded)
    sweep(loaded, BEHIND[:2], {}, "decision")
    assert (1, 9) not in mine


def test_a_batch_with_more_in_common_than_the_block_computes_its_own(always, shapes):
    loaded = tiny("llama")
    alike = [replace(MIXED[1], item_id=str(k), prompt=(*MIXED[1].prompt, k)) for k in range(40, 60)]
    calls = shapes(loaded)
    with sharing(loaded, [*alike, replace(MIXED[0], prompt=(*MIXED[1].prompt[:2], 9, 8, 7))]):
        sweep(loaded, alike, {}, "decision")
    assert (1, 23) in calls


def test_prompts_that_are_all_the_same(always):
    twins = [replace(MIXED[0], item_id=name) for name in "ab"]
    for scope in ("answer", "decision"):
        for found in largest_differences(tiny("llama"), twins, scope):
            assert found.logit_diff <= tolerance(torch.float32, found.scale)
            assert found.prefix_logprob <= 2e-5


def test_one_layer_of_the_cache_is_all_that_is_held():
    loaded, held = tiny("llama"), []
    blocks = parts(loaded.model).blocks

    def count(_module, args, kwargs, _output):
        cache = kwargs["past_key_values"]
        layers = cache.layers if cache else ()
        held.append(sum(layer.is_initialized and layer.keys.numel() > 24 * 5 for layer in layers))

    handles = [b.self_attn.register_forward_hook(count, with_kwargs=True) for b in blocks]
    sweep(loaded, MIXED, random_births(loaded), "decision")
    for handle in handles:
        handle.remove()
    assert len(held) >= 2 * len(blocks) - 1
    assert max(held) == 1
