"""Prompts cut in two: the trunk that no chain changes, and the stem that every chain repeats."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor

from specs.faults import Refused

if TYPE_CHECKING:
    from transformers import DynamicCache

    from runners.prompts.positions import TokenisedItem


def split(items: Sequence[TokenisedItem], stem: int) -> tuple[list[list[int]], list[list[int]]]:
    """Return the tokens before the last `stem` tokens of each prompt and shared prefix, and those.

    Raises:
        Refused: nothing would be left before the stem.
    """
    whole = [[*item.prompt, *item.shared] for item in items]
    for item, tokens in zip(items, whole, strict=True):
        if len(tokens) <= stem:
            raise Refused(
                f"item {item.item_id}: its prompt is one token long, and the sweep needs at least "
                "one before the steered ones; give the question more text"
            )
    return [tokens[:-stem] for tokens in whole], [tokens[-stem:] for tokens in whole]


class Padded(NamedTuple):
    """Tokens behind those of a cache, left-padded.

    Padding is on the left: sliding windows count slots, so padding on the right would be wrong.
    """

    ids: Tensor
    """int64 [B, S]."""
    attended: Tensor
    """int64 [B, start + S]: 1 where a slot holds a token."""

    @classmethod
    def of(cls, rows: Sequence[Sequence[int]], start: int, device: torch.device) -> Padded:
        """Return tokens that come after `start` others."""
        longest = max(map(len, rows))
        ids = torch.tensor([[0] * (longest - len(row)) + list(row) for row in rows])
        ok = torch.tensor([[0] * (longest - len(row)) + [1] * len(row) for row in rows])
        attended = torch.cat([ok.new_ones(len(rows), start), ok], 1)
        return cls(ids.to(device), attended.to(device))

    def arguments(self, cache: DynamicCache) -> dict[str, Any]:
        """Return what a decoder is called with to run them."""
        positions = (self.attended.cumsum(1) - 1).clamp(min=0)
        return {
            "input_ids": self.ids,
            "attention_mask": self.attended,
            "position_ids": positions[:, -self.ids.shape[1] :],
            "past_key_values": cache,
            "use_cache": True,
        }
