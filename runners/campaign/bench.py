"""One concept as one model meets it: its dataset, tokenised, with what does not fit set apart."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from runners.campaign.ids import evaluation_id
from runners.console import say
from runners.prompts.encoding import control_tokens
from runners.prompts.positions import TokenisedItem
from runners.prompts.tokenising import ROWS, tokenise_rows

if TYPE_CHECKING:
    import pyarrow as pa

    from builders.dataset import BuiltDataset
    from runners.models.load import LoadedModel
    from specs.schema import Concept, Variant

SCORES = {"letter": "decision", "yes_no": "decision", "text": "sequence"}
"""The score of each answer format. `decision`: the logits of the first tokens in which completions
differ; `sequence`: the log-probabilities of all their tokens from there on, summed."""


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
    _item_ids: dict[str, list[str]] = field(default_factory=dict)

    @property
    def score(self) -> str:
        """How completions are scored: what SCORES says of the concept's answer format."""
        return SCORES[self.concept.answer_format]

    def tokenised(self, variant: str) -> Tokenised:
        """Return every item of the dataset under `variant`."""
        if variant not in self._tokenised:
            built = self.dataset.variants[variant]
            self._warn(built.rows, variant)
            results = tokenise_rows(
                self.loaded, built.rows, self.variants[variant], self.score == "sequence"
            )
            fit = {item.item_id: item for item in results if isinstance(item, TokenisedItem)}
            unfit = {r.item_id: r.reason for r in results if not isinstance(r, TokenisedItem)}
            self._tokenised[variant] = Tokenised(
                built.variant_id,
                evaluation_id(
                    self.loaded.model_id, self.dataset.dataset_id, built.variant_id, self.score
                ),
                fit,
                unfit,
            )
        return self._tokenised[variant]

    def _warn(self, rows: pa.Table, variant: str) -> None:
        """Say which control tokens stand inside texts: the tokenizer reads them as such."""
        if found := control_tokens(self.loaded.tokenizer, _contents(rows)):
            say(
                f"Warning: concept {self.concept.name} under variant {variant}: texts hold "
                f"{', '.join(found)}, which {self.loaded.spec.name} reads as control tokens"
            )

    def item_ids(self, split: str, limit: int | None = None) -> list[str]:
        """Return the distinct items of a split in dataset order, at most `limit`."""
        if split not in self._item_ids:
            import pyarrow.compute as pc

            items = self.dataset.items
            of_split = items["item_id"].filter(pc.equal(items["split"], split))
            self._item_ids[split] = of_split.unique().to_pylist()
        return self._item_ids[split][:limit]

    def questions(self, item_ids: Sequence[str]) -> list[str]:
        """Return the question_id of each item."""
        return [self._question_of[item] for item in item_ids]

    def order(self, item_ids: Sequence[str]) -> np.ndarray:
        """Return +1 where an item's positive option is first, -1 second, 0 where none is shown."""
        shown = self.concept.answer_format == "letter"
        return np.array([self._order_of[item] if shown else 0.0 for item in item_ids])

    @cached_property
    def _order_of(self) -> dict[str, float]:
        """Map each item to the place of its positive option, +1 or -1."""
        items = self.dataset.items
        places = (1.0 - 2.0 * place for place in items["positive_option"].to_pylist())
        return dict(zip(items["item_id"].to_pylist(), places, strict=True))

    @cached_property
    def _question_of(self) -> dict[str, str]:
        """Map each item to its question."""
        items = self.dataset.items
        pairs = zip(items["item_id"].to_pylist(), items["question_id"].to_pylist(), strict=True)
        return dict(pairs)


def _contents(rows: pa.Table) -> Iterator[str]:
    """Yield every text of the messages of a built variant."""
    import pyarrow.compute as pc

    for batch in rows.to_batches(max_chunksize=ROWS):
        yield from pc.struct_field(batch["messages"].flatten(), "content").unique().to_pylist()
