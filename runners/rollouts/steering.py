"""Rows of a batch that are steered each in its own way, and the openings they begin with."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import groupby
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor

from runners.engine.caches import empty_cache
from runners.engine.edits import Rows, edited, rows_of
from runners.engine.hooks import residual, with_residual
from runners.engine.trunk import Padded
from runners.models.architecture import Parts, parts

if TYPE_CHECKING:
    from transformers import DynamicCache

    from runners.models.load import LoadedModel
    from runners.rollouts.sampled import Place


class Group(NamedTuple):
    """Rows of a batch that lie together and are steered after one block."""

    layer: int
    rows: slice
    edits: Rows


def groups_of(layered: Sequence[int | None], places: Sequence[Place]) -> list[Group]:
    """Return the groups of rows that are steered by the places of `layered`, sorted by layer."""
    found = []
    start = 0
    for layer, some in groupby(layered, lambda p: None if p is None else places[p].layer):
        members = list(some)
        if layer is not None:
            edits = rows_of([places[p].edit for p in members if p is not None])
            found.append(Group(layer, slice(start, start + len(members)), edits))
        start += len(members)
    return found


@contextmanager
def steered(found: Parts, groups: Sequence[Group], where: Tensor | None) -> Iterator[None]:
    """Steer the groups at the positions `where`, bool [B, S]; None: at all of them."""

    def hook(of_layer: list[Group]) -> Callable[..., Any]:
        def steer(_module: Any, _args: Any, output: Any) -> Any:
            hidden = residual(output).clone()
            for _, rows, edits in of_layer:
                before = hidden[rows]
                after = edited(edits, before)
                if where is not None:
                    after = torch.where(where[rows].to(after.device)[:, :, None], after, before)
                hidden[rows] = after
            return with_residual(output, hidden)

        return steer

    with ExitStack() as stack:
        for layer in sorted({group.layer for group in groups}):
            of_layer = [group for group in groups if group.layer == layer]
            handle = found.blocks[layer].register_forward_hook(hook(of_layer))
            stack.callback(handle.remove)
        yield


def prefill(
    loaded: LoadedModel,
    alone: Sequence[tuple[int | None, tuple[int, ...]]],
    places: Sequence[Place],
) -> tuple[DynamicCache, Tensor]:
    """Read some (place, tokens), sorted by layer; return the cache and int64 [B, S] of slots."""
    cache = empty_cache(loaded)
    if not any(tokens for _, tokens in alone):
        nothing = torch.zeros(len(alone), 0, dtype=torch.long, device=loaded.device)
        return cache, nothing
    padded = Padded.of([tokens for _, tokens in alone], 0, loaded.device)
    found = parts(loaded.model)
    groups = groups_of([place for place, _ in alone], places)
    with steered(found, groups, padded.attended.bool()):
        found.decoder(**padded.arguments(cache))
    return cache, padded.attended


def select(cache: DynamicCache, index: Tensor) -> None:
    """Keep the rows `index` of a cache, or repeat them."""
    for layer in cache.layers:
        if layer.get_seq_length():
            where = index.to(layer.keys.device)
            layer.keys, layer.values = layer.keys[where], layer.values[where]
