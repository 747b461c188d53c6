"""What an autoencoder sees in whole texts: its features over their tokens, never all kept at once.

A mean over tokens is no activation, and the features of a mean are no mean of features: so each
token is encoded, while the texts are read, and what stays is two numbers a text and feature.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from runners.saes.features import ROWS

if TYPE_CHECKING:
    from torch import Tensor

    from runners.engine.budget import Budget
    from runners.models.load import LoadedModel
    from runners.prompts.positions import Line, TokenisedItem
    from runners.saes.loaded import LoadedSae
    from specs.schema import Read


def text_features(
    loaded: LoadedModel,
    sae: LoadedSae,
    texts: Sequence[TokenisedItem],
    read: Read,
    tokens_per_batch: int | Budget,
    advance: Callable[[int], None] = lambda n_texts: None,
) -> np.ndarray:
    """Return float32 [texts, 2, d_sae]: mean of each feature over a text's tokens, and its share.

    The share is that of the tokens on which the feature is above 0. `mean_all` counts all tokens
    but the BOS that the tokenizer puts before, on which autoencoders are not trained (Lieberum et
    al. 2024); `mean_completion` the text's own. In memory are the result and, at a time, the
    features of no more than `ROWS` tokens of one text.

    Raises:
        Refused: a text that does not fit into memory.
    """
    from runners.engine.budget import Budget
    from runners.engine.resume import companies
    from runners.prompts.plain_texts import encoded_from
    from runners.prompts.positions import Line

    budget, heard, bos = Budget.of(tokens_per_batch), set[int](), loaded.tokenizer.bos_token_id
    found = np.empty((len(texts), 2, sae.d_sae), np.float32)

    def do(batch: list[int]) -> None:
        lines = [Line(texts[i], texts[i].positive) for i in batch]
        for group in companies(loaded, lines):
            hidden = _read(loaded, sae.layer, [lines[row] for row in group])
            for row, own in zip(group, hidden, strict=True):
                first = encoded_from(texts[batch[row]], read, bos)
                found[batch[row]] = _over_tokens(sae, own[first:])
        advance(len(set(batch) - heard))
        heard.update(batch)

    while not budget.fits(texts, do):
        pass
    return found


def _read(loaded: LoadedModel, layer: int, lines: Sequence[Line]) -> Iterator[Tensor]:
    """Run some texts together and yield a block's output at the tokens of each, [tokens, d]."""
    import torch

    from runners.engine.hooks import reading
    from runners.engine.resume import Prompts
    from runners.models.architecture import parts

    found = parts(loaded.model.eval())
    prompts = Prompts.of(lines, "decision", loaded.device)
    heard: list[Tensor] = []
    rows = torch.arange(len(lines), device=loaded.device)
    with torch.inference_mode(), reading([found.blocks[layer]], lambda _, it: heard.append(it)):
        found.decoder(**prompts.arguments(rows, found.decoder))
    for line, hidden in zip(lines, heard[-1], strict=True):
        yield hidden[-len(line.tokens) :]


def _over_tokens(sae: LoadedSae, hidden: Tensor) -> np.ndarray:
    """Return the mean of each feature and the share of tokens that have it, float64 [2, d_sae]."""
    import torch

    total = np.zeros((2, sae.d_sae))
    with torch.inference_mode():
        for some in torch.split(hidden, ROWS):
            features = sae.encode(some)
            total[0] += features.sum(0, dtype=torch.float64).cpu().numpy()
            total[1] += (features > 0).sum(0).cpu().numpy()
    found: np.ndarray = total / len(hidden)
    return found
