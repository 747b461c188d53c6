"""Who may attend to whom when one prompt carries many continuations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Stem:
    """The tokens that every chain repeats, as a tree: `parents[r]` is the row before row r.

    A stem without branching is a line; extraction forks at the decision token.
    """

    parents: tuple[int | None, ...]

    @classmethod
    def line(cls, length: int) -> Stem:
        """Return `length` tokens, each after the one before."""
        return cls((None, *range(length - 1)))

    @classmethod
    def fork(cls, length: int, left: int, right: int) -> Stem:
        """Return a line of `length` tokens with two lines of their own behind its last one."""
        last = length - 1
        behind = [last, *range(length, length + left - 1)][:left]
        other = [last, *range(length + left, length + left + right - 1)][:right]
        return cls((*cls.line(length).parents, *behind, *other))

    @property
    def depth(self) -> list[int]:
        """How many rows of the stem come before each row."""
        return [len(rows) - 1 for rows in self._lineages()]

    @property
    def ancestors(self) -> Tensor:
        """Bool [rows, rows]: whether row s is row r itself or comes before it."""
        size = len(self.parents)
        return torch.tensor([[s in rows for s in range(size)] for rows in self._lineages()])

    def _lineages(self) -> list[set[int]]:
        lineages: list[set[int]] = []
        for row, parent in enumerate(self.parents):
            lineages.append({row} | (lineages[parent] if parent is not None else set()))
        return lineages


def chain_mask(mask: Tensor, depth: Sequence[int], ancestors: Tensor, copies: int) -> Tensor:
    """Return the mask of `copies` chains, rearranged from the model's own of one linear stem.

    `mask` is [B, heads, R, P + R] for R stem rows after P cached slots, bool (True: attend) or
    additive float; the result is [B, heads, R copies, P + R copies]. A row sees of the trunk what
    the model lets its depth see, and of the stems only its own ancestors: so windows, padding and
    biases of the model hold without being named.
    """
    rows = len(depth)
    trunk = mask.shape[-1] - rows
    off = False if mask.dtype == torch.bool else torch.finfo(mask.dtype).min
    at_depth = torch.tensor(depth, device=mask.device)
    seen = mask[..., at_depth, :]
    own = seen[..., trunk:][..., at_depth].masked_fill(~ancestors.to(mask.device), off)
    whole = mask.new_full((*mask.shape[:2], rows * copies, trunk + rows * copies), off)
    whole[..., :trunk] = seen[..., :trunk].repeat(1, 1, copies, 1)
    among = torch.unflatten(whole[..., trunk:], -1, (copies, rows))
    by_chain = torch.unflatten(among, -3, (copies, rows))
    chain = torch.arange(copies, device=mask.device)
    by_chain[:, :, chain, :, chain, :] = own
    return whole


def together_mask(mask: Tensor, depth: Sequence[int], ancestors: Tensor, copies: int) -> Tensor:
    """Return the mask of a trunk and `copies` chains behind it, from the model's own for one chain.

    `mask` is [B, heads, S + R, P + S + R] for a trunk of S rows and a linear stem of R; the result
    is [B, heads, S + R copies, P + S + R copies]. The trunk sees no chain.
    """
    rows = len(depth)
    chains = chain_mask(mask[..., -rows:, :], depth, ancestors, copies)
    off = False if mask.dtype == torch.bool else torch.finfo(mask.dtype).min
    trunk = mask[..., :-rows, :-rows]
    closed = mask.new_full((*trunk.shape[:-1], rows * copies), off)
    return torch.cat([torch.cat([trunk, closed], -1), chains], -2)


def causal_mask(rows: int, before: int, device: torch.device) -> Tensor:
    """Return what a model that hands out no mask means for `rows` rows after `before` slots.

    Bool [1, 1, rows, before + rows].
    """
    whole = torch.ones(1, 1, rows, before + rows, dtype=torch.bool, device=device)
    return whole.tril(before)


def open_mask(batch: int, rows: int, trunk: int, device: torch.device) -> Tensor:
    """Return what a model that hands out no mask means: bool [batch, 1, rows, trunk + rows].

    It does so where every stem row sees the whole trunk; the stem itself is `chain_mask`'s.
    """
    return torch.ones(batch, 1, rows, trunk + rows, dtype=torch.bool, device=device)
