"""What the benchmarks run on: random Llamas and real prompts."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from builders.build import build
from runners.campaign.bench import Bench
from runners.models.load import LoadedModel
from specs.catalog import open as open_catalog
from specs.schema import Model
from specs.settings import Settings

if TYPE_CHECKING:
    from runners.prompts.positions import TokenisedItem

SOURCES = Path(__file__).parents[2] / "shared" / "sources"
CONCEPT, VARIANT = "power-seeking-inclination", "base"
VOCABULARY = 8192
TEMPLATE = (
    "{% for m in messages %}{{ '<|im_start|>' + m.role + '\n' + m.content + '<|im_end|>\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)


def _shape(width: int, inner: int, layers: int, heads: int, vocabulary: int) -> dict[str, int]:
    return {
        "hidden_size": width,
        "intermediate_size": inner,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "num_key_value_heads": heads,
        "vocab_size": vocabulary,
        "max_position_embeddings": 2048,
    }


SIZES = {
    "tiny": _shape(32, 88, 4, 2, VOCABULARY),
    "60m": _shape(512, 1408, 16, 8, VOCABULARY),
    "7b": _shape(4096, 11008, 32, 32, 32000),
}
"""Shapes by name; `7b` is that of Llama-2 7B."""


def model(
    size: str = "60m", device: str = "cpu", dtype: str = "float32", **shape: int
) -> LoadedModel:
    """Return a random Llama built on its device, with a byte-level BPE of its own.

    Nothing is read from or written to disk; `save` does that where somebody else needs files.
    """
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(**{**SIZES[size], **shape})
    before = torch.get_default_dtype()
    torch.set_default_dtype(getattr(torch, dtype))
    try:
        with torch.device(device), torch.random.fork_rng(_devices(device)):
            torch.manual_seed(0)
            made = LlamaForCausalLM(config).eval().requires_grad_(False)
    finally:
        torch.set_default_dtype(before)
    weight = made.get_input_embeddings().weight
    return LoadedModel(
        spec=Model(name=f"random-llama-{size}", folder="."),
        model=made,
        tokenizer=tokenizer(min(VOCABULARY, config.vocab_size)),
        model_id=f"random-{size}",
        revision="seed 0",
        device=weight.device,
        dtype=weight.dtype,
        reasons={},
        n_layers=config.num_hidden_layers,
        d_model=config.hidden_size,
        context=config.max_position_embeddings,
        row={"n_parameters": sum(p.numel() for p in made.parameters())},
    )


def _devices(device: str) -> list[int]:
    return [torch.cuda.current_device()] if device.startswith("cuda") else []


def save(loaded: LoadedModel, folder: Path) -> Path:
    """Write the model and its tokenizer as a folder that transformers reads."""
    loaded.model.save_pretrained(folder)
    loaded.tokenizer.save_pretrained(folder)
    return folder


def items(loaded: LoadedModel, home: Path, count: int) -> list[TokenisedItem]:
    """Return the first items of the concept, built and tokenised as a run does it."""
    settings = Settings(home=home, sources=(SOURCES,))
    catalog = open_catalog(settings)
    concept, variant = catalog.get("concepts", CONCEPT), catalog.get("variants", VARIANT)
    bench = Bench(loaded, concept, build(concept, [variant], settings), {VARIANT: variant})
    return list(bench.tokenised(VARIANT).fit.values())[:count]


def half_common(some: Sequence[TokenisedItem]) -> list[TokenisedItem]:
    """Return the items behind a common text as long as their prompts are on average."""
    length = round(sum(item.decision + 1 for item in some) / len(some))
    drawn = torch.randint(10, VOCABULARY, (length,), generator=torch.Generator().manual_seed(1))
    common = tuple(drawn.tolist())
    return [replace(item, prompt=common + tuple(item.prompt)) for item in apart(some)]


def apart(some: Sequence[TokenisedItem]) -> list[TokenisedItem]:
    """Return the items with first tokens that all differ: nothing can be shared."""
    return [replace(item, prompt=(10 + i, *item.prompt[1:])) for i, item in enumerate(some)]


def of_length(some: Sequence[TokenisedItem], tokens: int) -> list[TokenisedItem]:
    """Return the items with prompts of exactly so many random tokens, shared ones included."""
    drawn = torch.randint(
        10, VOCABULARY, (len(some), tokens), generator=torch.Generator().manual_seed(1)
    )
    return apart(
        [
            replace(item, prompt=tuple(row[: tokens - len(item.shared)]))
            for item, row in zip(some, drawn.tolist(), strict=True)
        ]
    )


def spread(some: Sequence[TokenisedItem], count: int) -> list[TokenisedItem]:
    """Return `count` items of evenly spread lengths, so that few stand for all."""
    ordered = sorted(some, key=lambda item: item.decision)
    count = min(count, len(ordered))
    return [ordered[(2 * k + 1) * len(ordered) // (2 * count)] for k in range(count)]


def common_length(some: Sequence[TokenisedItem]) -> int:
    """Return with how many tokens all prompts begin alike."""
    rows = [tuple(item.prompt) for item in some]
    first, last = min(rows), max(rows)
    pairs = zip(first, last, strict=False)
    return next((k for k, (a, b) in enumerate(pairs) if a != b), min(len(first), len(last)))


@cache
def tokenizer(vocabulary: int = VOCABULARY) -> Any:
    """Return a byte-level BPE learnt from the concept's source."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    path = SOURCES / "Anthropic/model-written-evals/advanced-ai-risk/lm_generated_evals"
    lines = (path / f"{CONCEPT}.jsonl").read_text(encoding="utf-8").splitlines()
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=["<|im_start|>", "<|im_end|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    made.train_from_iterator((json.loads(line)["question"] for line in lines), trainer)
    found = PreTrainedTokenizerFast(tokenizer_object=made, eos_token="<|im_end|>")
    found.chat_template = TEMPLATE
    return found
