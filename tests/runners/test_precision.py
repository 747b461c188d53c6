"""Half precision: every fast path lies no further from the reference path than rounding itself."""

from __future__ import annotations

from copy import deepcopy
from functools import cache
from typing import Any

import pytest
import torch

from runners.engine.answers import Head
from runners.engine.chains import sweep
from runners.engine.reference import reference_activations
from runners.engine.replay import replay_sweep
from runners.engine.selfcheck import tolerance
from runners.fitting.extraction import read_activations
from runners.models.architecture import parts
from runners.models.ending import widen_ending
from tests.runners.differences import one_by_one
from tests.runners.families import MIXED, random_births, random_items, random_model, stand_in
from tests.runners.family_configs import WIDTH

torch.set_num_threads(1)
NAMES = ("llama", "gemma2", "qwen2", "gpt2", "mistral (window 6)", "mixtral")
HALF = (torch.bfloat16, torch.float16)
ALIKE = random_items([14] * 8, [1] * 8, seed=4)
PADDED = [*MIXED[:3], *random_items([11, 6, 17, 20, 8], [1] * 5, seed=6)]
WAYS = {"answer": sweep, "decision": sweep, "prompt": replay_sweep, "all": replay_sweep}


@cache
def half_and_whole(name: str, dtype: torch.dtype) -> tuple[Any, Any]:
    """Return a model in half precision, and a float32 copy of its very weights."""
    model = random_model(name).to(dtype)
    return stand_in(deepcopy(model), dtype), stand_in(model.float())


def logit_diffs(unsteered: list[Any], steered: dict[int, Any]) -> torch.Tensor:
    """Return [items, 1 + layers x rows]."""
    rows = [[[a.logit_diff for a in row] for row in steered[layer]] for layer in sorted(steered)]
    first = torch.tensor([[answer.logit_diff] for answer in unsteered])
    return torch.cat([first, *(torch.tensor(row) for row in rows)], 1)


def rms(values: torch.Tensor) -> float:
    return float(values.square().mean().sqrt())


@pytest.mark.parametrize("items", [PADDED, ALIKE], ids=["padded", "unpadded"])
@pytest.mark.parametrize(
    "scope",
    [
        "answer",
        "all",
        *(pytest.param(scope, marks=pytest.mark.slow) for scope in ("decision", "prompt")),
    ],
)
@pytest.mark.parametrize("dtype", HALF, ids=str)
@pytest.mark.parametrize("name", NAMES)
def test_a_fast_path_adds_no_more_than_rounding_has_done(name, dtype, scope, items):
    half, whole = half_and_whole(name, dtype)
    births = random_births(half, [0, 2])
    unsteered, steered = one_by_one(half, items, births, scope)
    truth = logit_diffs(*one_by_one(whole, items, births, scope))
    reference = logit_diffs(unsteered, steered)
    found = WAYS[scope](half, items, births, scope)
    layers = [found.steered[layer].logit_diff for layer in sorted(births)]
    fast = torch.cat([found.unsteered.logit_diff[:, None], *layers], 1)
    added, own = (fast - reference).abs(), (reference - truth).abs()
    assert own.median() > 0
    # Both paths round, each in its own order: their distance is at most that of two roundings.
    assert rms(added) <= 2**0.5 * rms(own)
    assert added.max() <= 2**0.5 * own.max()
    scale = max(a.largest for rows in steered.values() for row in rows for a in row)
    assert added.max() <= tolerance(dtype, scale)


@pytest.mark.parametrize("dtype", HALF, ids=str)
@pytest.mark.parametrize("name", NAMES)
def test_activations_in_half_precision(name, dtype):
    half, whole = half_and_whole(name, dtype)
    found = read_activations(half, MIXED, 100)
    for i, item in enumerate(MIXED):
        own = torch.stack(reference_activations(half, item))
        truth = torch.stack(reference_activations(whole, item))
        fast = torch.stack([found.positive[i], found.negative[i]])
        assert (fast - own).norm(dim=-1).median() <= (own - truth).norm(dim=-1).median()


@pytest.mark.parametrize("name", [*NAMES, "opt", "cohere", "gemma", "phi", "falcon", "stablelm"])
def test_the_final_norm_is_computed_in_float32(name):
    model = random_model(name).bfloat16()
    copy = deepcopy(model).float()
    (norm, *_) = widen_ending(model)
    decoder, ids = parts(model).decoder, torch.tensor([[5, 9, 7]])
    before: list[torch.Tensor] = []
    getattr(decoder, norm).register_forward_pre_hook(lambda _m, args: before.append(args[0]))
    with torch.inference_mode():
        hidden = decoder(input_ids=ids, use_cache=False).last_hidden_state
        assert hidden.dtype == torch.float32
        exact = getattr(parts(copy).decoder, norm)(before[0].float())
        if hidden.shape == exact.shape:  # opt projects behind its norm
            torch.testing.assert_close(hidden, exact, rtol=0, atol=1e-5)
        logits = model(input_ids=ids).logits
        found = Head(model).logits(hidden[0], [4, 8])
    assert logits.dtype == torch.bfloat16  # what the model says of itself stays in its own dtype
    torch.testing.assert_close(found, logits[0][:, [4, 8]].float(), rtol=0.05, atol=0.05)


def test_float32_models_are_left_alone():
    model = random_model("llama")
    assert widen_ending(model) == []
    assert not model.lm_head._forward_pre_hooks


def test_late_layers_are_less_noisy_for_it():
    draw = torch.Generator().manual_seed(3)
    births = {3: 0.3 * torch.randn(64, WIDTH, generator=draw)}
    model = random_model("qwen2").bfloat16()
    whole, rounded = stand_in(deepcopy(model).float()), stand_in(random_model("qwen2"))
    widened = stand_in(deepcopy(model), torch.bfloat16)
    rounded.model, rounded.dtype = model, torch.bfloat16

    def effects(loaded: Any) -> torch.Tensor:
        found = sweep(loaded, MIXED, births, "answer")
        return found.steered[3].logit_diff - found.unsteered.logit_diff[:, None]

    truth = effects(whole)
    assert rms(effects(widened) - truth) < 0.9 * rms(effects(rounded) - truth)
