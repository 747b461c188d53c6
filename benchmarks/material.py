"""What the benchmarks run on: a random Llama of about 60M parameters and real prompts."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from builders.build import build
from runners.bench import Bench
from runners.load import load
from specs.catalog import open as open_catalog
from specs.schema import Model
from specs.settings import Settings

if TYPE_CHECKING:
    from runners.load import LoadedModel
    from runners.positions import TokenisedItem

SOURCES = Path(__file__).parents[2] / "shared" / "sources"
CONCEPT, VARIANT = "power-seeking-inclination", "base"
VOCABULARY = 8192
SHAPE = {
    "hidden_size": 512,
    "intermediate_size": 1408,
    "num_hidden_layers": 16,
    "num_attention_heads": 8,
    "num_key_value_heads": 8,
    "vocab_size": VOCABULARY,
    "max_position_embeddings": 2048,
}
TEMPLATE = (
    "{% for m in messages %}{{ '<|im_start|>' + m.role + '\n' + m.content + '<|im_end|>\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)


def model(home: Path, **shape: int) -> LoadedModel:
    """Return a random Llama with a byte-level BPE of its own, saved under `home` and loaded."""
    from transformers import LlamaConfig, LlamaForCausalLM

    folder = home / "model"
    torch.manual_seed(0)
    LlamaForCausalLM(LlamaConfig(**{**SHAPE, **shape})).save_pretrained(folder)
    _tokenizer().save_pretrained(folder)
    return load(Model(name="random-llama", folder=str(folder)), Settings(home=home))


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
    return [replace(item, prompt=common + item.prompt) for item in apart(some)]


def apart(some: Sequence[TokenisedItem]) -> list[TokenisedItem]:
    """Return the items with first tokens that all differ: nothing can be shared."""
    return [replace(item, prompt=(10 + i, *item.prompt[1:])) for i, item in enumerate(some)]


def common_length(some: Sequence[TokenisedItem]) -> int:
    """Return with how many tokens all prompts begin alike."""
    first, last = min(item.prompt for item in some), max(item.prompt for item in some)
    pairs = zip(first, last, strict=False)
    return next((k for k, (a, b) in enumerate(pairs) if a != b), min(len(first), len(last)))


def _tokenizer() -> Any:
    """Return a byte-level BPE learnt from the concept's source."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    path = SOURCES / "Anthropic/model-written-evals/advanced-ai-risk/lm_generated_evals"
    lines = (path / f"{CONCEPT}.jsonl").read_text(encoding="utf-8").splitlines()
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=["<|im_start|>", "<|im_end|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    made.train_from_iterator((json.loads(line)["question"] for line in lines), trainer)
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=made, eos_token="<|im_end|>")
    tokenizer.chat_template = TEMPLATE
    return tokenizer
