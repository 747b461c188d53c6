"""Logits of the whole vocabulary, step after step: a head whose weights are widened once."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from runners.engine.answers import Head

LOGITS = {"cpu": 2**24}
"""Logits that exist at once by kind of device; sampling needs about 40 bytes for each."""
MOST_LOGITS = 2**27
"""The same elsewhere."""


class Unembedding(Head):
    """A model's head in float32 or wider, for as long as a batch of rollouts lasts."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__(model)
        self._widened = self._rows(slice(None)) if self.plain else None

    def parts(self, hidden: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield (rows, logits): int64 some rows of `hidden` [N, d_model], and [n, vocabulary]."""
        if not len(hidden):
            return
        most = LOGITS.get(hidden.device.type, MOST_LOGITS)
        for rows in torch.split(torch.arange(len(hidden)), max(1, most // self.size)):
            some = hidden[rows.to(hidden.device)]
            told = self._whole(some) if self._widened is None else self._call(some, self._widened)
            yield rows, told
