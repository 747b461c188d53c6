"""Put the hand-written blocks into a transformers Llama, turned by one fixed rotation."""

from __future__ import annotations

from typing import Final

import torch
from transformers import LlamaConfig, LlamaForCausalLM

from runners.reference_model.axes import WIDTH, embedding, unembedding
from runners.reference_model.block import HEAD, HEADS, UNITS
from runners.reference_model.layers import blocks
from runners.reference_model.tokenizer import VOCABULARY

SEED: Final = 20240717
CONTEXT: Final = 2048


def _config() -> LlamaConfig:
    return LlamaConfig(
        vocab_size=len(VOCABULARY),
        hidden_size=WIDTH,
        intermediate_size=UNITS,
        num_hidden_layers=len(blocks()),
        num_attention_heads=HEADS,
        head_dim=HEAD,
        max_position_embeddings=CONTEXT,
        rope_parameters={"rope_type": "default", "rope_theta": 1e9},
        bos_token_id=VOCABULARY.index("<s>"),
        eos_token_id=VOCABULARY.index("</s>"),
        pad_token_id=VOCABULARY.index("<pad>"),
        dtype=torch.float32,
    )


def _rotation(generator: torch.Generator) -> torch.Tensor:
    """Return float64[WIDTH, WIDTH], orthogonal: planted directions become dense and generic."""
    draws = torch.randn(WIDTH, WIDTH, generator=generator, dtype=torch.float64)
    turned: torch.Tensor = torch.linalg.qr(draws).Q
    return turned


def _weights() -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(SEED)
    rotation = _rotation(generator)
    weights = {
        "model.embed_tokens.weight": embedding(generator) @ rotation.T,
        "lm_head.weight": unembedding() @ rotation.T,
        "model.norm.weight": torch.ones(WIDTH, dtype=torch.float64),
    }
    for layer, block in enumerate(blocks()):
        named = block.weights(rotation).items()
        weights |= {f"model.layers.{layer}.{name}": value for name, value in named}
    return {name: value.to(torch.float32) for name, value in weights.items()}


def build_model() -> LlamaForCausalLM:
    """Return the model in eval mode, float32 on the CPU; the global random state stays as it is."""
    with torch.random.fork_rng(devices=[]):
        model = LlamaForCausalLM(_config())
    model.load_state_dict(_weights(), strict=True)
    return model.eval()
