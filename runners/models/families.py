"""The families of models that tests prove exact, and the way that serves each."""

from __future__ import annotations

ALIBI = "its positions are a tensor of their own, which chains cannot extend"
BOTH = frozenset({"sdpa", "eager"})
EAGER = frozenset({"eager"})
SDPA = frozenset({"sdpa"})
FAMILIES: dict[str, frozenset[str]] = {
    "codegen": EAGER,
    "cohere": BOTH,
    "cohere2": BOTH,
    "deepseek_v3": BOTH,
    "exaone4": BOTH,
    "falcon": BOTH,
    "gemma": BOTH,
    "gemma2": EAGER,
    "gemma3_text": BOTH,
    "glm": BOTH,
    "glm4": BOTH,
    "gpt2": BOTH,
    "gpt_neox": BOTH,
    "gpt_oss": EAGER,
    "gptj": EAGER,
    "granite": BOTH,
    "llama": BOTH,
    "llama4_text": BOTH,
    "ministral": BOTH,
    "mistral": BOTH,
    "mixtral": BOTH,
    "olmo": BOTH,
    "olmo2": BOTH,
    "olmo3": BOTH,
    "olmoe": BOTH,
    "opt": BOTH,
    "phi": BOTH,
    "phi3": BOTH,
    "qwen2": BOTH,
    "qwen2_moe": BOTH,
    "qwen3": BOTH,
    "qwen3_moe": BOTH,
    "seed_oss": BOTH,
    "smollm3": BOTH,
    "stablelm": BOTH,
    "starcoder2": BOTH,
}
"""model_type -> attention implementations; each is proven in tests/runners/test_chains.py."""

REPLAYED: dict[str, tuple[frozenset[str], str]] = {
    "bloom": (EAGER, ALIBI),
    "gpt_bigcode": (
        BOTH,
        "its attention keeps to the number of tokens that the model was called with",
    ),
    "gpt_neo": (EAGER, "its local attention counts slots and ignores the mask that chains need"),
    "mpt": (EAGER, ALIBI),
    "falcon_h1": (BOTH, "its recurrent state cannot hold many continuations of one prompt"),
    "lfm2": (BOTH, "its convolution state cannot hold many continuations of one prompt"),
    "mamba": (EAGER, "its recurrent state cannot hold many continuations of one prompt"),
    "qwen3_next": (BOTH, "its recurrent state cannot hold many continuations of one prompt"),
}
"""model_type -> attention implementations, and why chains are not exact: proven in test_replay."""

RECURRENT = frozenset({"falcon_h1", "lfm2", "mamba", "qwen3_next"})
"""Padding would go through their states: their prompts share a batch only where equally long."""
