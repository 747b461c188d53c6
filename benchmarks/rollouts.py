"""Rollouts of many vectors together, against one vector at a time and against bare generation.

    python -m benchmarks.rollouts                                  # a small model on this machine
    python -m benchmarks.rollouts --device cuda --dtype bfloat16 --size gemma-2-2b

Random weights: what is timed does not depend on what they say. All ways sample the same rollouts,
with the unsteered shadow beside each and the features of a random SAE read from it; bare generation
is `transformers.generate` of as many tokens, unsteered, without shadow, features or our draws. Ways
take turns in one process; ratios are medians over rounds. On a machine that others use too read the
processor seconds. Prints JSON.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from functools import partial
from types import SimpleNamespace
from typing import Any, NamedTuple

import torch
from torch import Tensor

from benchmarks.timing import Way, alternating, ratio
from runners.engine.edits import Edit
from runners.models.ending import widen_ending
from runners.rollouts.draws import uniforms
from runners.rollouts.generate import generate
from runners.rollouts.sampled import Ask, Manner, Place
from runners.rollouts.sampling import Sampling

PROMPT = (2, 235285, 1742)
"""As many tokens as BOS and `I think`; taken modulo the vocabulary."""
TOGETHER, ONE, ALONE, BARE = "vectors together", "one vector at a time", "one rollout", "bare"


class Size(NamedTuple):
    """The shape of a model, and of the SAE that reads it."""

    layers: int
    d_model: int
    d_mlp: int
    heads: int
    kv_heads: int
    head: int
    vocabulary: int
    d_sae: int
    layer: int


SIZES = {
    "tiny": Size(4, 128, 512, 4, 2, 32, 2048, 512, 2),
    "small": Size(8, 512, 2048, 8, 4, 64, 8192, 2048, 4),
    "gemma-2-2b": Size(26, 2304, 9216, 8, 4, 256, 256000, 16384, 12),
}


class RandomSae:
    """A JumpReLU-shaped SAE with random weights (a `LoadedSae`)."""

    def __init__(self, size: Size, device: torch.device, dtype: torch.dtype) -> None:
        self.sae_id, self.layer = "random", size.layer
        self.d_model, self.d_sae = size.d_model, size.d_sae
        self.encoder = torch.randn(size.d_sae, size.d_model, device=device) / size.d_model**0.5
        self.decoder = self.encoder

    def encode(self, hidden: Tensor) -> Tensor:
        """Return float32 [N, d_sae]."""
        before = hidden.float() @ self.encoder.T
        return before * (before > 1)

    def decode(self, features: Tensor) -> Tensor:
        """Return float32 [N, d_model]."""
        return features @ self.decoder


def model(size: Size, device: torch.device, dtype: torch.dtype) -> Any:
    """Return a random Gemma-2 of a size, as the engine wants it."""
    from transformers import Gemma2Config, Gemma2ForCausalLM

    config = Gemma2Config(
        num_hidden_layers=size.layers,
        hidden_size=size.d_model,
        intermediate_size=size.d_mlp,
        num_attention_heads=size.heads,
        num_key_value_heads=size.kv_heads,
        head_dim=size.head,
        vocab_size=size.vocabulary,
        attn_implementation="eager",
    )
    torch.manual_seed(0)
    previous = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        with device:
            found = Gemma2ForCausalLM(config).eval().requires_grad_(False)
    finally:
        torch.set_default_dtype(previous)
    widen_ending(found)
    return SimpleNamespace(
        model=found,
        device=device,
        dtype=dtype,
        n_layers=size.layers,
        d_model=size.d_model,
        context=config.max_position_embeddings,
    )


def ways(loaded: Any, size: Size, options: argparse.Namespace) -> dict[str, Way]:
    """Return the ways that are timed; each samples `vectors` times `samples` rollouts."""
    draw = torch.Generator().manual_seed(1)
    vectors = torch.randn(options.vectors, size.d_model, generator=draw)
    places = [Place(size.layer, Edit("add", 0.5, vector)) for vector in vectors]
    prompt = tuple(token % size.vocabulary for token in PROMPT)
    asks = [
        Ask(prompt, uniforms(0, "p", sample, options.tokens), place)
        for place in range(options.vectors)
        for sample in range(options.samples)
    ]
    sae: Any = RandomSae(size, loaded.device, loaded.dtype)
    manner = Manner(Sampling(1.0, 50, 0.95), options.tokens, saes=() if options.no_sae else (sae,))

    def in_turn(step: int) -> None:
        for start in range(0, len(asks), step):
            generate(loaded, asks[start : start + step], places, manner)

    def bare(rows: int, count: int) -> None:
        ids = torch.tensor([prompt] * rows, device=loaded.device)
        for _ in range(count):
            loaded.model.generate(
                ids,
                attention_mask=torch.ones_like(ids),
                min_new_tokens=options.tokens,
                max_new_tokens=options.tokens,
                do_sample=True,
                top_k=50,
                top_p=0.95,
                pad_token_id=0,
            )

    found: dict[str, Way] = {
        TOGETHER: partial(in_turn, len(asks)),
        ONE: partial(in_turn, options.samples),
    }
    if options.alone:
        found[ALONE] = partial(in_turn, 1)
    if not options.no_bare:
        found[BARE] = partial(bare, len(asks), 1)
        found[f"{BARE}, {options.samples} at a time"] = partial(
            bare, options.samples, options.vectors
        )
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Time all ways, and print what they took."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--dtype", default="float32", choices=("float32", "bfloat16", "float16"))
    parser.add_argument("--size", default="small", choices=SIZES)
    parser.add_argument("--vectors", type=int, default=64)
    parser.add_argument("--samples", type=int, default=1, help="of each vector")
    parser.add_argument("--tokens", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, help="of torch on a CPU")
    parser.add_argument("--no-sae", action="store_true", help="read no features")
    parser.add_argument("--no-bare", action="store_true", help="leave out bare generation")
    parser.add_argument("--alone", action="store_true", help="one rollout at a time too")
    options = parser.parse_args(arguments)
    if options.threads:
        torch.set_num_threads(options.threads)
    size, device = SIZES[options.size], torch.device(options.device)
    loaded = model(size, device, getattr(torch, options.dtype))
    timings = alternating(ways(loaded, size, options), options.rounds)
    rollouts = options.vectors * options.samples
    report: dict[str, Any] = {
        "options": vars(options),
        "device": torch.cuda.get_device_name() if device.type == "cuda" else "cpu",
        "torch": torch.__version__,
        "rollouts": rollouts,
        "ways": {},
    }
    unit = timings.took[TOGETHER]
    for name, took in timings.took.items():
        walls = sorted(each.wall for each in took)
        report["ways"][name] = {
            "seconds": [round(each.wall, 4) for each in took],
            "processor_seconds": [round(each.processor, 4) for each in took],
            "rollouts_per_second": round(rollouts / walls[len(walls) // 2], 2),
            "times_together": round(ratio([t.wall for t in took], [t.wall for t in unit]), 3),
            "times_together_by_processor": round(
                ratio([t.processor for t in took], [t.processor for t in unit]), 3
            ),
            "peak_bytes": timings.peak_bytes[name],
        }
    json.dump(report, sys.stdout, indent=1)
    print()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
