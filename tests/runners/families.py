"""Tiny random models of every proven family, and items and vectors for them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from types import SimpleNamespace
from typing import Any

import torch
import transformers

from runners.positions import TokenisedItem

LAYERS, WIDTH, VOCABULARY = 4, 48, 320
MULTIPLIERS = (-1.5, 0.0, 0.7)
SHAPE = {
    "hidden_size": WIDTH,
    "intermediate_size": 80,
    "num_hidden_layers": LAYERS,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "vocab_size": VOCABULARY,
    "max_position_embeddings": 128,
    "pad_token_id": 0,
    "initializer_range": 0.3,
    "attention_dropout": 0.1,
}
WINDOW = {"sliding_window": 6}
ALTERNATING = ["sliding_attention", "full_attention"] * (LAYERS // 2)
GPT2 = {"n_embd": WIDTH, "n_layer": LAYERS, "n_head": 4, "n_positions": 128}
CONFIGS: dict[str, tuple[str, dict[str, Any]]] = {
    "llama": ("Llama", {"tie_word_embeddings": True}),
    "llama (eager)": ("Llama", {"attn_implementation": "eager", "mlp_bias": True}),
    "qwen2": ("Qwen2", {}),
    "qwen2 (sliding layers)": (
        "Qwen2",
        {"use_sliding_window": True, **WINDOW, "max_window_layers": 2},
    ),
    "qwen3": ("Qwen3", {"head_dim": 16}),
    "mistral (window 6)": ("Mistral", {**WINDOW, "head_dim": 12}),
    "gemma2": (
        "Gemma2",
        {
            **WINDOW,
            "head_dim": 12,
            "layer_types": ALTERNATING,
            "query_pre_attn_scalar": 12,
            "attn_logit_softcapping": 5.0,
            "final_logit_softcapping": 8.0,
            "attn_implementation": "eager",
        },
    ),
    "gemma3_text": (
        "Gemma3",
        {**WINDOW, "head_dim": 12, "layer_types": ALTERNATING, "query_pre_attn_scalar": 12},
    ),
    "gpt2": ("GPT2LMHead", {**GPT2, "attn_implementation": "sdpa"}),
    "gpt2 (eager)": ("GPT2LMHead", {**GPT2, "attn_implementation": "eager"}),
    "gpt_neox": ("GPTNeoX", {"rotary_pct": 0.5}),
    "granite": ("Granite", {"logits_scaling": 2.0, "residual_multiplier": 0.5}),
    "olmo2": ("Olmo2", {}),
    "phi3 (window 6)": ("Phi3", WINDOW),
    "starcoder2 (window 6)": ("Starcoder2", WINDOW),
}


def random_model(name: str, **changes: Any) -> Any:
    """Return the model of CONFIGS[name]: norms and biases are random too, or they would hide."""
    family, own = CONFIGS[name]
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
    return "TextConfig" if family == "Gemma3" else "Config"


def stand_in(model: Any, dtype: torch.dtype = torch.float32) -> Any:
    """Return what the engine needs of runners.load.LoadedModel."""
    text = model.config.get_text_config()
    return SimpleNamespace(
        model=model.to(dtype),
        device=torch.device("cpu"),
        dtype=dtype,
        n_layers=text.num_hidden_layers,
        d_model=text.hidden_size,
        context=text.max_position_embeddings,
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
