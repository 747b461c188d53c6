"""One concept as one model meets it: its dataset, tokenised, with what does not fit set apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from runners.console import say
from runners.encoding import control_tokens
from runners.ids import evaluation_id
from runners.positions import TokenisedItem, tokenise_rows

if TYPE_CHECKING:
    import pyarrow as pa

    from builders.dataset import BuiltDataset
    from runners.load import LoadedModel
    from specs.schema import Concept, Variant

SCORE = "decision"
"""The score of `letter` and `yes_no`: logits of the first tokens in which completions differ."""


@dataclass(frozen=True)
class Tokenised:
    """The items of a dataset under one variant, and why some cannot be used."""

    variant_id: str
    evaluation_id: str
    fit: dict[str, TokenisedItem]
    unfit: dict[str, str]
    """item_id -> reason."""


@dataclass
class Bench:
    """A concept's dataset and its prompts under one model; prompts are tokenised when asked for."""

    loaded: LoadedModel
    concept: Concept
    dataset: BuiltDataset
    variants: dict[str, Variant]
    _tokenised: dict[str, Tokenised] = field(default_factory=dict)

    def tokenised(self, variant: str) -> Tokenised:
        """Return every item of the dataset under `variant`."""
        if variant not in self._tokenised:
            built = self.dataset.variants[variant]
            self._warn(built.rows, variant)
            results = tokenise_rows(self.loaded, built.rows, self.variants[variant])
            fit = {item.item_id: item for item in results if isinstance(item, TokenisedItem)}
            unfit = {r.item_id: r.reason for r in results if not isinstance(r, TokenisedItem)}
            self._tokenised[variant] = Tokenised(
                built.variant_id,
                evaluation_id(
                    self.loaded.model_id, self.dataset.dataset_id, built.variant_id, SCORE
                ),
                fit,
                unfit,
            )
        return self._tokenised[variant]

    def _warn(self, rows: pa.Table, variant: str) -> None:
        """Say which control tokens stand inside texts: the tokenizer reads them as such."""
        contents = {m["content"] for messages in rows["messages"].to_pylist() for m in messages}
        if found := control_tokens(self.loaded.tokenizer, sorted(contents)):
            say(
                f"Warning: concept {self.concept.name} under variant {variant}: texts hold "
                f"{', '.join(found)}, which {self.loaded.spec.name} reads as control tokens"
            )

    def item_ids(self, split: str, limit: int | None = None) -> list[str]:
        """Return the distinct items of a split in dataset order, at most `limit`."""
        return self._items_of.get(split, [])[:limit]

    def questions(self, item_ids: Sequence[str]) -> list[str]:
        """Return the question_id of each item."""
        return [self._question_of[item] for item in item_ids]

    @cached_property
    def _items_of(self) -> dict[str, list[str]]:
        """Map each split to its distinct items, in dataset order."""
        items = self.dataset.items
        found: dict[str, dict[str, None]] = {}
        for split, item in zip(
            items["split"].to_pylist(), items["item_id"].to_pylist(), strict=True
        ):
            found.setdefault(split, {})[item] = None
        return {split: list(distinct) for split, distinct in found.items()}

    @cached_property
    def _question_of(self) -> dict[str, str]:
        """Map each item to its question."""
        items = self.dataset.items
        pairs = zip(items["item_id"].to_pylist(), items["question_id"].to_pylist(), strict=True)
        return dict(pairs)
