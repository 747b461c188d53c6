"""A Llama whose steering behaviour is known exactly, set by construction in code.

design.py, traits.py and truth.py say what is planted; axes.py, block.py and layers.py plant it;
concept_files.py writes the specs of the eight concepts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from runners.reference_model.truth import truth

if TYPE_CHECKING:
    from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

__all__ = ["CONSTRUCTION_VERSION", "build", "truth"]
CONSTRUCTION_VERSION: Final[int] = 1
"""Raised whenever a weight, a word or the chat template changes; part of the model's id."""


def build() -> tuple[LlamaForCausalLM, PreTrainedTokenizerFast]:
    """Return the model (float32, eval mode, on the CPU) and its tokenizer, always the same bits."""
    from runners.reference_model.assemble import CONTEXT, build_model
    from runners.reference_model.tokenizer import build_tokenizer

    return build_model(), build_tokenizer(CONTEXT)
