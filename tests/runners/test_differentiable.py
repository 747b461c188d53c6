"""Differentiable logit differences: those of whole forward passes, gradients included."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from runners.engine.chains import sweep
from runners.engine.differentiable import frozen, rows_of, steered
from runners.models.architecture import parts
from runners.prompts.positions import TokenisedItem
from specs.faults import Refused
from tests.runners.families import MIXED, UNEQUAL, random_model, stand_in, tiny
from tests.runners.family_configs import LAYERS, WIDTH
from tests.runners.planted import cosine

SEQUENCES = [replace(item, sequence=True) for item in (UNEQUAL[1], UNEQUAL[2])]
torch.set_num_threads(1)


def plain(loaded: Any, item: TokenisedItem, scope: str, layer: int, delta: Tensor) -> Tensor:
    """Return the logit difference by a hook and a whole forward pass."""
    start = {"decision": item.decision, "answer": len(item.prompt) - 1}.get(scope, 0)
    end = len(item.prompt) if scope == "prompt" else None

    def add(_module: Any, _args: Any, output: Any) -> Any:
        hidden = output[0] if isinstance(output, tuple) else output
        where = torch.zeros(hidden.shape[1], 1)
        where[start:end] = 1
        moved = hidden + where * delta
        return (moved, *output[1:]) if isinstance(output, tuple) else moved

    handle = parts(loaded.model).blocks[layer].register_forward_hook(add)
    try:
        ids = torch.tensor([[*item.prompt, *item.shared]])
        logits = loaded.model(input_ids=ids, use_cache=False).logits[0, -1]
    finally:
        handle.remove()
    found: Tensor = logits[item.positive[0]] - logits[item.negative[0]]
    return found


@pytest.mark.parametrize("scope", ["answer", "decision", "prompt"])
@pytest.mark.parametrize("name", ["llama", "gpt2", "mistral (window 6)", "bloom"])
def test_differences_and_gradients_are_those_of_whole_forward_passes(name: str, scope: str) -> None:
    loaded, items = tiny(name), MIXED[:3]
    draw = torch.Generator().manual_seed(1)
    vectors = {n: torch.randn(2, WIDTH, generator=draw) for n in range(0, LAYERS, 2)}
    weights = torch.randn(3, 2, generator=draw)
    ours = {n: rows.clone().requires_grad_() for n, rows in vectors.items()}
    with frozen(loaded.model):
        found = steered(loaded, items, scope).differences(ours)
        sum((weights * torch.sigmoid(moved)).sum() for moved in found.values()).backward()  # type: ignore[union-attr]
        for layer, rows in vectors.items():
            own, nothing = rows.clone().requires_grad_(), torch.zeros(WIDTH)
            moved = torch.stack(
                [
                    torch.stack([plain(loaded, item, scope, layer, row) for row in own])
                    - plain(loaded, item, scope, layer, nothing)
                    for item in items
                ]
            )
            (weights * torch.sigmoid(moved)).sum().backward()
            assert own.grad is not None
            assert moved.abs().max() > 0.05
            assert torch.allclose(found[layer], moved, atol=3e-5)
            assert torch.allclose(
                ours[layer].grad, own.grad, atol=1e-4 * float(own.grad.abs().max())
            )


def test_completions_of_several_tokens_are_told_as_the_sweep_tells_them() -> None:
    loaded = stand_in(random_model("llama"), torch.float64)
    rows = torch.randn(2, WIDTH, generator=torch.Generator().manual_seed(3))
    swept = sweep(loaded, SEQUENCES, {1: rows}, "answer")
    with frozen(loaded.model):
        ready, own = steered(loaded, SEQUENCES, "answer"), rows.clone().requires_grad_()
        moved = ready.differences({1: own})[1]
        expected = swept.steered[1].logit_diff - swept.unsteered.logit_diff[:, None]
        assert torch.allclose(moved, expected, atol=1e-5)
        moved.sum().backward()
        step = 0.01 * torch.randn(2, WIDTH, generator=torch.Generator().manual_seed(4))
        up, down = (ready.differences({1: rows + s * step})[1].sum() for s in (1, -1))
    assert own.grad is not None
    assert float((own.grad * step).sum()) == pytest.approx(float(up - down) / 2, rel=1e-3)
    assert rows_of(loaded, SEQUENCES, "answer") == 1 + 1 + max(
        sum(map(len, item.tails)) for item in SEQUENCES
    )


def test_several_tokens_are_refused_where_prompts_are_replayed() -> None:
    with pytest.raises(Refused, match="on the first token only; use scope answer, or answer_for"):
        steered(tiny("llama"), SEQUENCES, "all")


def test_weights_are_frozen_for_as_long_as_it_lasts() -> None:
    model = tiny("llama").model
    before = [weight.requires_grad for weight in model.parameters()]
    with torch.no_grad(), frozen(model):
        assert torch.is_grad_enabled()
        assert not any(weight.requires_grad for weight in model.parameters())
    assert [weight.requires_grad for weight in model.parameters()] == before


def test_half_precision_has_the_same_gradient_but_for_its_noise() -> None:
    slopes = []
    for dtype in (torch.float32, torch.bfloat16):
        loaded = stand_in(random_model("llama"), dtype)
        rows = torch.zeros(1, WIDTH, requires_grad=True)
        with frozen(loaded.model):
            steered(loaded, MIXED[:3], "answer").differences({1: rows})[1].sum().backward()
        assert rows.grad is not None
        assert rows.grad.dtype == torch.float32
        slopes.append(rows.grad[0])
    assert cosine(*slopes) > 0.95
