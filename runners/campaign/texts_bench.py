"""A concept of kind texts as one model meets it: its texts as token ids, without questions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from builders.layout import TEXTS
from runners.campaign.bench import Tokenised
from runners.console import say
from runners.prompts.encoding import control_tokens
from runners.prompts.plain_texts import plain_texts
from runners.prompts.positions import TokenisedItem, Unfit

if TYPE_CHECKING:
    from builders.texts_dataset import BuiltTexts
    from runners.models.load import LoadedModel
    from specs.schema import TextsConcept, Variant

POSITIVE, NEGATIVE = "+", "-"
"""What a text's id has before it here: one text may stand on both sides."""


@dataclass
class TextsBench:
    """A concept's texts and their tokens under one model.

    It offers what fitting asks of a `Bench`, each text standing alone as an item of its own. There
    is one rendering, named `texts`: the texts as they stand, behind what the tokenizer puts before
    a text (BOS, or nothing).
    """

    loaded: LoadedModel
    concept: TextsConcept
    dataset: BuiltTexts
    variants: Mapping[str, Variant] = field(default_factory=dict)
    """None: no variant is put around texts."""

    def tokenised(self, variant: str = TEXTS) -> Tokenised:
        """Return every distinct text of either side; there is no evaluation of them."""
        del variant
        return self._tokenised

    def item_ids(self, split: str, limit: int | None = None) -> list[str]:
        """Return the distinct texts of a split, positive ones first; they are all of `train`."""
        return list(self._texts)[:limit] if split == "train" else []

    def questions(self, item_ids: Sequence[str]) -> list[str]:
        """Return what draws go by: each text stands for itself."""
        return list(item_ids)

    def order(self, item_ids: Sequence[str]) -> np.ndarray:
        """Return 0 for each text: no options are shown."""
        return np.zeros(len(item_ids))

    @cached_property
    def _texts(self) -> dict[str, str]:
        """Return signed id -> text, each text once a side."""
        rows = self.dataset.texts.to_pylist()
        return {
            (POSITIVE if row["positive"] else NEGATIVE) + row["text_id"]: row["text"]
            for row in rows
        }

    @cached_property
    def _tokenised(self) -> Tokenised:
        tokenizer = self.loaded.tokenizer
        if found := control_tokens(tokenizer, self._texts.values()):
            say(
                f"Warning: concept {self.concept.name}: texts hold {', '.join(found)}, which "
                f"{self.loaded.spec.name} reads as control tokens"
            )
        texts = plain_texts(self.loaded, self._texts)
        fit = {item.item_id: item for item in texts if isinstance(item, TokenisedItem)}
        unfit = {item.item_id: item.reason for item in texts if isinstance(item, Unfit)}
        return Tokenised(self.dataset.variants[TEXTS].variant_id, "", fit, unfit)
