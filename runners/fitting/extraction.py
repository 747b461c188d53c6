"""Activations of both completions at every layer, from one pass over the prompts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor

from runners.engine.budget import Budget
from runners.engine.prefix import sharing
from runners.engine.trunk import split
from runners.engine.weave import weave
from runners.fitting.apart import Keep, read_apart
from runners.fitting.fork import Fork
from runners.models.architecture import way
from specs.faults import Refused

if TYPE_CHECKING:
    from runners.models.load import LoadedModel
    from runners.prompts.positions import TokenisedItem
    from specs.schema import Read


class Activations(NamedTuple):
    """Residual stream at one read position, float32 on the CPU."""

    positive: Tensor
    """[n, layers, d_model]: output of every block."""
    negative: Tensor
    """[n, layers, d_model]."""
    residual_norm: Tensor
    """[layers]: mean length over items and both completions."""


def read_activations(
    loaded: LoadedModel,
    items: Sequence[TokenisedItem],
    tokens_per_batch: int | Budget,
    advance: Callable[[int], None] = lambda n_items: None,
    read: Read = "answer_token",
) -> Activations:
    """Return the activations of n items at one read position, in memory and in the order given.

    Raises:
        Refused: as `read_into`.
    """
    found = torch.empty(2, len(items), loaded.n_layers, loaded.d_model)

    def keep(side: int, _read: Read, layer: int, rows: Sequence[int], hidden: Tensor) -> None:
        found[side, list(rows), layer] = hidden

    read_into(loaded, items, [read], tokens_per_batch, keep, advance)
    return Activations(found[0], found[1], found.norm(dim=-1).mean((0, 1)))


def read_into(
    loaded: LoadedModel,
    items: Sequence[TokenisedItem],
    reads: Sequence[Read],
    tokens_per_batch: int | Budget,
    keep: Keep,
    advance: Callable[[int], None] = lambda n_items: None,
) -> None:
    """Hand the activations of `items` to `keep`, block by block; `advance` hears of each batch.

    All of `reads` come from one pass over the prompts. Where memory runs out all are read anew in
    batches of half the tokens, and handed over again; a `Budget` that is given remembers them.

    Raises:
        Refused: a prompt of one token, one that does not fit, or activations that are not finite.
    """
    budget, heard = Budget.of(tokens_per_batch), set[int]()

    def do(batch: list[int]) -> None:
        def finite(side: int, read: Read, layer: int, rows: Sequence[int], hidden: Tensor) -> None:
            own = [batch[row] for row in rows]
            refuse_nonfinite(loaded, [items[i] for i in own], layer, hidden)
            keep(side, read, layer, own, hidden)

        _read_batch(loaded, [items[i] for i in batch], reads, finite)
        advance(len(set(batch) - heard))
        heard.update(batch)

    with sharing(loaded, items):
        while not budget.fits(items, do):
            pass


def _read_batch(
    loaded: LoadedModel, items: Sequence[TokenisedItem], reads: Sequence[Read], keep: Keep
) -> None:
    """Read one batch by chains where they serve, else one completion at a time."""
    longest = max(item.decision + 1 + max(map(len, _completions(item))) for item in items)
    if way(loaded.model, longest).kind != "chains":
        return read_apart(loaded, items, reads, keep)
    fork, rows = Fork.of(items, reads), range(len(items))
    before: list[Tensor] = []

    def read_prompts(_layer: int, hidden: Tensor) -> None:
        before[:] = [fork.before(hidden)]

    def read_forks(layer: int, hidden: Tensor) -> None:
        for read in reads:
            for side in (0, 1):
                found = fork.read(read, side, hidden, before[0] if read == "mean_all" else None)
                keep(side, read, layer, rows, found.cpu())

    with torch.inference_mode():
        weave(
            loaded,
            split(items, fork.apart)[0],
            fork.tokens,
            fork.stem,
            {},
            read=read_forks,
            read_trunks=read_prompts if "mean_all" in reads else None,
        )
    return None


def _completions(item: TokenisedItem) -> tuple[Sequence[int], Sequence[int]]:
    return item.positive, item.negative


def refuse_nonfinite(
    loaded: LoadedModel, items: Sequence[TokenisedItem], layer: int, hidden: Tensor
) -> None:
    """Raise Refused where `hidden` [B, d_model] has an item whose activations are not finite."""
    bad = (~hidden.isfinite()).any(-1).nonzero().flatten().tolist()
    if bad:
        raise Refused(
            f"item {items[bad[0]].item_id}: its activations at layer {layer} are not finite in "
            f"{str(loaded.dtype).removeprefix('torch.')}; load the model in dtype float32"
        )
