"""Tiny random models of every proven family, and items and vectors for them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from types import SimpleNamespace
from typing import Any

import torch
import transformers

from runners.engine.edits import Edit, Rows, rows_of
from runners.models.ending import widen_ending
from runners.prompts.positions import TokenisedItem
from tests.runners.family_configs import CONFIGS, REPLAYED_CONFIGS, SHAPE, VOCABULARY

MULTIPLIERS = (-1.5, 0.0, 0.7)


def random_model(name: str, **changes: Any) -> Any:
    """Return the model of CONFIGS[name]: norms and biases are random too, or they would hide."""
    family, own = {**CONFIGS, **REPLAYED_CONFIGS}[name]
    make = getattr(transformers, f"{family.removesuffix('LMHead')}{_config(family)}")
    implementation = {**own, **changes}.get("attn_implementation", "sdpa")
    settings = {k: v for k, v in {**SHAPE, **own, **changes}.items() if k != "attn_implementation"}
    torch.manual_seed(5)
    config = make(**settings)
    config._attn_implementation = implementation
    model = getattr(
        transformers, f"{family}Model" if "LMHead" in family else f"{family}ForCausalLM"
    )(config)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() == 1:
                parameter.add_(0.3 * torch.randn_like(parameter))
    return model.eval()


def _config(family: str) -> str:
    return "TextConfig" if family in ("Gemma3", "Llama4") else "Config"


def stand_in(model: Any, dtype: torch.dtype = torch.float32) -> Any:
    """Return what the engine needs of runners.models.load.LoadedModel."""
    text = model.config.get_text_config()
    widen_ending(model.to(dtype))
    return SimpleNamespace(
        model=model,
        device=torch.device("cpu"),
        dtype=dtype,
        n_layers=text.num_hidden_layers,
        d_model=text.hidden_size,
        context=128,
    )


@cache
def tiny(name: str) -> Any:
    return stand_in(random_model(name))


def random_items(
    lengths: Sequence[int], shared: Sequence[int], vocabulary: int = VOCABULARY, seed: int = 1
) -> list[TokenisedItem]:
    """Return items with prompts of `lengths` and `shared[i]` shared answer tokens."""
    draw = torch.Generator().manual_seed(seed)

    def tokens(count: int) -> tuple[int, ...]:
        return tuple(torch.randint(3, vocabulary, (count,), generator=draw).tolist())

    items = []
    for i, (length, prefix) in enumerate(zip(lengths, shared, strict=True)):
        positive, negative = tokens(2), tokens(2)
        if positive[0] == negative[0]:
            negative = (3 if positive[0] > 3 else 4, negative[1])
        items.append(
            TokenisedItem(f"item{i}", "", tokens(length), tokens(prefix), positive, negative)
        )
    return items


MIXED = random_items([9, 23, 14, 14, 2], [1, 1, 1, 0, 2])
UNEQUAL = [
    replace(
        item, positive=(*item.positive, *range(10, 10 + i)), negative=item.negative[: 1 + i % 2]
    )
    for i, item in enumerate(MIXED)
]
"""As MIXED, with positive completions of 2 to 6 tokens and negative ones of 1 or 2."""


def random_births(
    loaded: Any, layers: Sequence[int] | None = None, size: float = 3.0
) -> dict[int, torch.Tensor]:
    """Return one random vector a layer, times MULTIPLIERS."""
    draw = torch.Generator().manual_seed(2)
    direction = torch.randn(loaded.n_layers, loaded.d_model, generator=draw)
    vectors = size * direction / direction.norm(dim=-1, keepdim=True)
    return {
        layer: torch.stack([multiplier * vectors[layer] for multiplier in MULTIPLIERS])
        for layer in (range(loaded.n_layers) if layers is None else layers)
    }


OPERATIONS = (
    ("add", 0.7),
    ("ablate", 1.0),
    *(("ablate_then_add", multiplier) for multiplier in MULTIPLIERS),
    *(("clamp", multiplier) for multiplier in MULTIPLIERS),
)
"""Every operator, each with its multipliers."""


def random_edits(
    loaded: Any,
    layers: Sequence[int] | None = None,
    size: float = 3.0,
    operations: Sequence[tuple[str, float]] = OPERATIONS,
) -> dict[int, Rows]:
    """Return one random vector a layer, applied in all ways of `operations`."""
    one = {
        layer: rows[0] / MULTIPLIERS[0]
        for layer, rows in random_births(loaded, layers, size).items()
    }
    return {
        layer: rows_of([Edit(operator, m, vector) for operator, m in operations])
        for layer, vector in one.items()
    }
