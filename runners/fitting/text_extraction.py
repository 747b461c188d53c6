"""Activations of plain texts at every layer, all read positions from one pass over the texts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from torch import Tensor

from runners.engine.budget import Budget
from runners.engine.resume import companies
from runners.fitting.apart import read_lines
from runners.fitting.extraction import refuse_nonfinite
from runners.prompts.positions import Line

if TYPE_CHECKING:
    from runners.models.load import LoadedModel
    from runners.prompts.positions import TokenisedItem
    from specs.schema import Read

KeepTexts = Callable[["Read", int, Sequence[int], Tensor], None]
"""Takes what was read of some texts (their indices) at one layer, float32 [texts, d_model], CPU."""


def read_texts_into(
    loaded: LoadedModel,
    texts: Sequence[TokenisedItem],
    reads: Sequence[Read],
    tokens_per_batch: int | Budget,
    keep: KeepTexts,
    advance: Callable[[int], None] = lambda n_texts: None,
) -> None:
    """Hand the activations of `texts` to `keep`, block by block; `advance` hears of each batch.

    A text stands as the positive completion behind what the tokenizer puts before it (BOS, or
    nothing): `mean_all` is the mean over all tokens, BOS included, `mean_completion` over the
    text's own, `last_token` its last. Where memory runs out all are read anew in batches of half
    the tokens, and handed over again.

    Raises:
        Refused: a text that does not fit, or activations that are not finite.
    """
    budget, heard = Budget.of(tokens_per_batch), set[int]()

    def do(batch: list[int]) -> None:
        some = [texts[i] for i in batch]
        lines = [Line(text, text.positive) for text in some]

        def finite(read: Read, layer: int, rows: Sequence[int], hidden: Tensor) -> None:
            refuse_nonfinite(loaded, [some[row] for row in rows], layer, hidden)
            keep(read, layer, [batch[row] for row in rows], hidden)

        for group in companies(loaded, lines):
            read_lines(loaded, lines, group, reads, finite)
        advance(len(set(batch) - heard))
        heard.update(batch)

    while not budget.fits(texts, do):
        pass
