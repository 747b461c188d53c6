"""Both completions of a batch as one tree of tokens, and what each read position takes from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from runners.engine.masks import Stem

if TYPE_CHECKING:
    from runners.prompts.positions import TokenisedItem
    from specs.schema import Read

SIDES = ("positive", "negative")


@dataclass(frozen=True)
class Fork:
    """The last tokens before the completions differ, then the positive one, then the negative.

    Completions that are shorter than the longest of the batch are padded at their ends, where no
    real token descends from the padding.
    """

    stem: Stem
    tokens: list[list[int]]
    """[B][rows], the tokens of the stem's rows."""
    apart: int
    """Rows before the fork, from which both completions go on."""
    shared: int
    """Tokens that both completions begin with; where a mean is asked for they are among `apart`."""
    starts: tuple[int, int]
    """Row of the first token of either completion."""
    lengths: Tensor
    """int64 [B, 2]: tokens of either completion from there on."""
    prompt: Tensor
    """int64 [B]: tokens before the stem."""

    @classmethod
    def of(cls, items: Sequence[TokenisedItem], reads: Sequence[Read]) -> Fork:
        """Return the tree that `reads` need; all items have equally many shared tokens."""
        (shared,) = {len(item.shared) for item in items}
        apart = max(1, shared) if any(read.startswith("mean") for read in reads) else 1
        cut = 1 if set(reads) == {"answer_token"} else None
        own = [[getattr(item, side)[:cut] for side in SIDES] for item in items]
        longest = [max(len(both[side]) for both in own) for side in (0, 1)]
        tokens = [
            [*_begun(item)[-apart:], *_padded(both[0], longest[0]), *_padded(both[1], longest[1])]
            for item, both in zip(items, own, strict=True)
        ]
        return cls(
            Stem.fork(apart, *longest),
            tokens,
            apart,
            shared,
            (apart, apart + longest[0]),
            torch.tensor([[len(side) for side in both] for both in own]),
            torch.tensor([len(_begun(item)) - apart for item in items]),
        )

    def read(self, read: Read, side: int, hidden: Tensor, before: Tensor | None = None) -> Tensor:
        """Return what one block gives to `read` for positive (0) or negative (1), [B, d_model].

        `hidden` is the block's output [B, rows, d_model]; `before`, for `mean_all` alone, is the
        sum of its outputs over the tokens before the stem, [B, d_model]. Float32, not moved.
        """
        first, lengths = self.starts[side], self.lengths[:, side].to(hidden.device)
        if not read.startswith("mean"):
            at = first if read == "answer_token" else first + lengths - 1
            return hidden[torch.arange(len(hidden), device=hidden.device), at].float()
        row = torch.arange(hidden.shape[1], device=hidden.device)
        also = self.apart if read == "mean_all" else self.shared
        counted = (row < also) | ((row >= first) & (row < first + lengths[:, None]))
        total = hidden.float().masked_fill(~counted[:, :, None], 0).sum(1)
        n_tokens = lengths + also
        if before is not None:
            total, n_tokens = total + before, n_tokens + self.prompt.to(hidden.device)
        return total / n_tokens[:, None]

    def before(self, hidden: Tensor) -> Tensor:
        """Return the sum over the tokens before the stem, float32 [B, d_model].

        `hidden` is a block's output for them, left-padded, [B, S, d_model].
        """
        back = torch.arange(hidden.shape[1], 0, -1, device=hidden.device)
        counted = back <= self.prompt.to(hidden.device)[:, None]
        return hidden.float().masked_fill(~counted[:, :, None], 0).sum(1)


def _begun(item: TokenisedItem) -> list[int]:
    """Return everything before the first differing token."""
    return [*item.prompt, *item.shared]


def _padded(tokens: Sequence[int], length: int) -> list[int]:
    return [*tokens, *[tokens[-1]] * (length - len(tokens))]
