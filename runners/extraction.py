"""Activations of both completions at every layer, from one pass over the prompts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor

from runners.apart import read_apart
from runners.architecture import way
from runners.budget import Budget
from runners.masks import Stem
from runners.prefix import sharing
from runners.trunk import split
from runners.weave import weave
from specs.faults import Refused

if TYPE_CHECKING:
    from runners.load import LoadedModel
    from runners.positions import TokenisedItem

FORK = Stem((None, 0, 0))
"""The decision token, and after it the first differing token of either completion."""


class Activations(NamedTuple):
    """Residual stream at read position `answer_token`, float32 on the CPU."""

    positive: Tensor
    """[n, layers, d_model]: output of every block at the first differing token."""
    negative: Tensor
    """[n, layers, d_model]."""
    residual_norm: Tensor
    """[layers]: mean length over items and both completions."""


def read_activations(
    loaded: LoadedModel,
    items: Sequence[TokenisedItem],
    tokens_per_batch: int | Budget,
    advance: Callable[[int], None] = lambda n_items: None,
) -> Activations:
    """Return the activations of n items, in the order given; `advance` hears of each batch.

    Where memory runs out all are read anew in batches of half the tokens; a `Budget` that is given
    remembers them.

    Raises:
        Refused: a prompt of one token, one that does not fit, or activations that are not finite.
    """
    read = torch.empty(len(items), 2, loaded.n_layers, loaded.d_model)

    budget, heard = Budget.of(tokens_per_batch), set[int]()

    def do(batch: list[int]) -> None:
        read[batch] = _read_batch(loaded, [items[i] for i in batch])
        advance(len(set(batch) - heard))
        heard.update(batch)

    with sharing(loaded, items):
        while not budget.fits(items, do):
            pass
    _refuse_nonfinite(loaded, items, read)
    return Activations(read[:, 0], read[:, 1], read.norm(dim=-1).mean((0, 1)))


def _read_batch(loaded: LoadedModel, items: Sequence[TokenisedItem]) -> Tensor:
    """Return [B, 2, layers, d_model], positive and negative."""
    longest = 2 + max(item.decision for item in items)
    if way(loaded.model, longest).kind != "chains":
        return read_apart(loaded, items)
    rows: list[Tensor] = []
    with torch.inference_mode():
        trunks, decisions = split(items, 1)
        stems = [
            [*decision, item.positive[0], item.negative[0]]
            for decision, item in zip(decisions, items, strict=True)
        ]
        weave(
            loaded,
            trunks,
            stems,
            FORK,
            {},
            read=lambda _layer, hidden: rows.append(hidden[:, 1:].float().cpu()),
        )
    return torch.stack(rows, 2)


def _refuse_nonfinite(loaded: LoadedModel, items: Sequence[TokenisedItem], read: Tensor) -> None:
    bad = (~read.isfinite()).any(-1).any(1).nonzero().tolist()
    if bad:
        i, layer = bad[0]
        raise Refused(
            f"item {items[i].item_id}: its activations at layer {layer} are not finite in "
            f"{str(loaded.dtype).removeprefix('torch.')}; load the model in dtype float32"
        )
