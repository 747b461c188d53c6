"""The small trained model of ../shared/models, with prompts made by hand."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers

from runners.prompts.positions import TokenisedItem
from tests.runners.families import stand_in

FOLDER = Path(__file__).parents[3] / "shared" / "models" / "stories260k"
PROMPTS = (
    "Once upon a time, there was a little girl named Lily. She liked to play. Did she play? (",
    "Tom had a red ball. One day the ball was gone.\n\nChoices:\n(A): It is sad\n(B): It is fun\n (",
    "The cat sat. (",
)


@cache
def stories() -> tuple[Any, list[TokenisedItem]]:
    """Return the model as the engine wants it, and items that end in `(A` and `(B`."""
    if not FOLDER.is_dir():
        pytest.skip(f"{FOLDER} is not here")
    model = transformers.AutoModelForCausalLM.from_pretrained(FOLDER, dtype=torch.float32)
    tokenizer = transformers.AutoTokenizer.from_pretrained(FOLDER)
    return stand_in(model), [_item(tokenizer, i, text) for i, text in enumerate(PROMPTS)]


def _item(tokenizer: Any, i: int, text: str) -> TokenisedItem:
    whole = tokenizer(text)["input_ids"]
    both = [tokenizer(f"{text}{letter})")["input_ids"] for letter in "AB"]
    same = next(k for k, (a, b) in enumerate(zip(*both, strict=False)) if a != b)
    # The bracket, and whatever it merged with, belongs to the answer.
    cut = min(same, len(whole)) - 1
    prompt, shared = tuple(both[0][:cut]), tuple(both[0][cut:same])
    return TokenisedItem(f"story{i}", text, prompt, shared, *(tuple(b[same:]) for b in both))
