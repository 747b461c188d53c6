"""Many rollouts in one batch equal one at a time, and whole passes with plain hooks."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from runners.engine.edits import Edit
from runners.models.architecture import parts
from runners.rollouts import unembedding
from runners.rollouts.draws import uniforms
from runners.rollouts.generate import generate
from runners.rollouts.reference import reference_rollouts, reread
from runners.rollouts.sampled import Ask, Manner, Place, Sampled
from runners.rollouts.sampling import Sampling
from specs.faults import Refused
from tests.runners.fake_sae import FakeSae
from tests.runners.families import random_model, stand_in, tiny
from tests.runners.family_configs import CONFIGS, WIDTH
from tests.runners.stories import stories

torch.set_num_threads(1)
FAMILIES = ["llama", "gpt2", "gemma2", "gemma3_text", "qwen2", "gpt_neox", "mistral (window 6)"]
TOKENS = 6
PROMPTS = ((5, 17, 9, 40, 8, 33, 21), (5,), (5, 12, 44))


def places(d_model: int = WIDTH, size: float = 3.0) -> list[Place]:
    """Vectors at two layers, added and not."""
    drawn = torch.Generator().manual_seed(7)
    vectors = size * torch.randn(4, d_model, generator=drawn) / d_model**0.5
    return [
        Place(2, Edit("add", 1.5, vectors[0])),
        Place(1, Edit("add", -2.0, vectors[1])),
        Place(1, Edit("clamp", 4.0, vectors[2])),
        Place(3, Edit("ablate", 1.0, vectors[3])),
    ]


def asks(prompts: Any = PROMPTS, of: tuple[int | None, ...] = (None, 0, 1, 2, 3)) -> list[Ask]:
    return [
        Ask(tuple(prompt), uniforms(0, f"p{p}", sample, TOKENS), place)
        for place in of
        for p, prompt in enumerate(prompts)
        for sample in range(2 if p == 0 else 1)
    ]


def manner(loaded: Any, **changes: Any) -> Manner:
    saes = (FakeSae(2, loaded.d_model), FakeSae(0, loaded.d_model, 24))
    return Manner(**{"sampling": Sampling(), "tokens": TOKENS, "saes": saes, **changes})


def held_equal(found: Sampled, slow: Sampled, allowed: float = 1e-4) -> None:
    """A draw whose margin is within rounding may go either way: few here come near that."""
    assert (found.margin > 2e-6).double().mean() > 0.7
    for margin, one, other in zip(found.margin, found.tokens, slow.tokens, strict=True):
        assert one == other or margin <= 2e-6
    if found.tokens != slow.tokens:
        return
    for name in ("logprobs", "unsteered"):
        pairs = zip(getattr(found, name), getattr(slow, name), strict=True)
        for one, other in pairs:
            assert one == pytest.approx(other, abs=allowed)
    torch.testing.assert_close(found.margin, slow.margin, rtol=0, atol=allowed)
    for one, other in zip(found.features, slow.features, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-4)


def one_at_a_time(loaded: Any, wanted: list[Ask], how: Manner) -> Sampled:
    each = [generate(loaded, [ask], places(loaded.d_model), how) for ask in wanted]
    return Sampled(
        [one.tokens[0] for one in each],
        [one.logprobs[0] for one in each],
        [one.unsteered[0] for one in each],
        torch.cat([one.margin for one in each]),
        [torch.cat(read) for read in zip(*(one.features for one in each), strict=True)],
    )


def some(found: Sampled, step: int) -> Sampled:
    return Sampled(
        found.tokens[::step],
        found.logprobs[::step],
        found.unsteered[::step],
        found.margin[::step],
        [read[::step] for read in found.features],
    )


SAMPLED = Sampling(0.9, 40, 0.95)


@pytest.mark.parametrize(
    "name",
    [
        *FAMILIES,
        *(pytest.param(name, marks=pytest.mark.slow) for name in CONFIGS if name not in FAMILIES),
    ],
)
def test_a_batch_equals_one_at_a_time_and_the_reference(name: str) -> None:
    loaded = tiny(name)
    wanted = asks()
    how = manner(loaded, sampling=SAMPLED, ends=frozenset({5, 44, 61}))
    found = generate(loaded, wanted, places(), how)
    held_equal(some(found, 3), one_at_a_time(loaded, wanted[::3], how))
    held_equal(found, reference_rollouts(loaded, wanted, places(), how))
    # A model that cannot be steered, and vectors that change nothing, would prove nothing.
    bare, steered = found.tokens[:4], found.tokens[4:]
    assert sum(one != other for one, other in zip(steered, bare * 4, strict=True)) > 3
    gaps = [
        abs(a - b)
        for one, other in zip(found.logprobs[4:], found.unsteered[4:], strict=True)
        for a, b in zip(one, other, strict=True)
    ]
    assert max(gaps) > 0.1
    assert found.logprobs[:4] == found.unsteered[:4]


@pytest.mark.parametrize("scope", ["all", "answer"])
@pytest.mark.parametrize("stream", ["unsteered", "steered"])
def test_scopes_and_streams(scope: str, stream: str) -> None:
    loaded = tiny("llama")
    how = manner(loaded, scope=scope, stream=stream)
    found = generate(loaded, asks(), places(), how)
    held_equal(found, reference_rollouts(loaded, asks(), places(), how))


@pytest.mark.parametrize("name", ["llama", "gemma2", "gpt_neox"])
def test_greedy(name: str) -> None:
    loaded = tiny(name)
    how = manner(loaded, sampling=Sampling(0.0), saes=())
    wanted = asks()
    found = generate(loaded, wanted, places(), how)
    held_equal(some(found, 3), one_at_a_time(loaded, wanted[::3], how))
    held_equal(found, reference_rollouts(loaded, wanted, places(), how))
    assert found.tokens[0::4] == found.tokens[1::4]


def test_the_trained_model_of_stories() -> None:
    loaded, items = stories()
    prompts = [item.prompt[:n] for item, n in zip(items, (12, 1, 5), strict=True)]
    for sampling in (Sampling(0.0), SAMPLED):
        how = manner(loaded, sampling=sampling)
        wanted = asks(prompts)
        found = generate(loaded, wanted, places(loaded.d_model), how)
        held_equal(some(found, 5), one_at_a_time(loaded, wanted[::5], how))
        held_equal(found, reference_rollouts(loaded, wanted, places(loaded.d_model), how))


def test_neighbours_and_their_order_change_nothing() -> None:
    loaded = tiny("qwen2")
    how = manner(loaded, sampling=SAMPLED, ends=frozenset({5, 61}))
    wanted = asks()
    found = generate(loaded, wanted, places(), how)
    order = torch.randperm(len(wanted), generator=torch.Generator().manual_seed(1)).tolist()
    mixed = generate(loaded, [wanted[i] for i in order], places(), how)
    assert mixed.tokens == [found.tokens[i] for i in order]
    few = order[:5]
    assert generate(loaded, [wanted[i] for i in few], places(), how).tokens == [
        found.tokens[i] for i in few
    ]


def test_an_end_token_ends_a_rollout_and_its_row_leaves() -> None:
    loaded = tiny("llama")
    free = generate(loaded, asks(), places(), manner(loaded))
    ends = frozenset({free.tokens[0][0], free.tokens[9][2], free.tokens[15][3]})
    rows: list[int] = []
    block = parts(loaded.model).blocks[0]
    handle = block.register_forward_hook(lambda _m, args, _o: rows.append(len(args[0])))
    try:
        found = generate(loaded, asks(), places(), manner(loaded, ends=ends))
    finally:
        handle.remove()
    for whole, cut in zip(free.tokens, found.tokens, strict=True):
        stop = next((n for n, token in enumerate(whole, 1) if token in ends), TOKENS)
        assert cut == whole[:stop]
    assert len(found.tokens[0]) == 1
    # 20 speakers and 16 shadows; the opening once for each vector and once unsteered.
    assert rows[:2] == [3 * 5, 36]
    assert rows[-1] < 36
    assert rows == [rows[0], *sorted(rows[1:], reverse=True)]
    assert len(rows) == 1 + TOKENS + 1


def test_with_scope_answer_an_opening_is_read_once_for_all() -> None:
    loaded = tiny("llama")
    rows: list[tuple[int, ...]] = []
    block = parts(loaded.model).blocks[0]
    handle = block.register_forward_hook(lambda _m, args, _o: rows.append(args[0].shape[:2]))
    try:
        generate(loaded, asks(), places(), manner(loaded, scope="answer", saes=()))
    finally:
        handle.remove()
    assert rows == [(3, 6), *[(36, 1)] * TOKENS]


def test_features_are_those_of_a_slow_second_pass() -> None:
    loaded = tiny("gemma2")
    for stream in ("unsteered", "steered"):
        how = manner(loaded, stream=stream, ends=frozenset({5, 44, 61}))
        found = generate(loaded, asks(), places(), how)
        for i, ask in enumerate(asks()):
            slow = reread(loaded, ask, found.tokens[i], places(), how)
            for one, other in zip(found.features, slow.features, strict=True):
                torch.testing.assert_close(one[i], other, rtol=0, atol=1e-4)
        assert found.features[0].max() > 0.1


def test_half_precision_stays_near_its_reference() -> None:
    loaded = stand_in(random_model("llama"), torch.bfloat16)
    how = manner(loaded, sampling=SAMPLED)
    found = generate(loaded, asks(), places(), how)
    for i, ask in enumerate(asks()):
        slow = reread(loaded, ask, found.tokens[i], places(), how)
        assert found.logprobs[i] == pytest.approx(slow.logprobs, abs=0.3)
        assert found.unsteered[i] == pytest.approx(slow.unsteered, abs=0.3)


def test_few_logits_at_once_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    for loaded in (tiny("gemma2"), stand_in(random_model("qwen2"), torch.bfloat16)):
        how = manner(loaded, sampling=SAMPLED)
        whole = generate(loaded, asks(), places(), how)
        with monkeypatch.context() as few:
            few.setitem(unembedding.LOGITS, "cpu", 7 * 320)
            parted = generate(loaded, asks(), places(), how)
        assert parted.tokens == whole.tokens
        assert parted.unsteered[5] == pytest.approx(whole.unsteered[5], abs=1e-5)


def test_numbers_that_are_not_finite_are_refused() -> None:
    loaded = tiny("llama")
    far = [Place(1, Edit("add", 1.0, torch.full((WIDTH,), torch.inf)))]
    with pytest.raises(Refused, match="operator add with multiplier 1 at layer 1 gives"):
        generate(loaded, asks(of=(0,)), far, manner(loaded))
