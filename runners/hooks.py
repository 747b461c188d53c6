"""Hooks in decoder blocks: chains that multiply in flight, and readers of the residual stream."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from transformers import DynamicCache

from runners.families import REPLAYED
from runners.masks import Stem, chain_mask, open_mask
from specs.faults import Refused

TILED = ("position_ids", "position_embeddings")
"""Block arguments with one entry per position, in dimension 1."""


def residual(output: Any) -> Tensor:
    """Return the hidden states [B, rows, d] of a block's output, which some models wrap."""
    hidden: Tensor = output[0] if isinstance(output, tuple) else output
    return hidden


def with_residual(output: Any, hidden: Tensor) -> Any:
    """Return a block's output with other hidden states."""
    return (hidden, *output[1:]) if isinstance(output, tuple) else hidden


@contextmanager
def reading(blocks: Iterable[nn.Module], read: Callable[[int, Tensor], None]) -> Iterator[None]:
    """Call `read(layer, hidden [B, rows, d])` after every block, while the context lasts."""

    def hook(layer: int) -> Callable[..., None]:
        return lambda _module, _args, output: read(layer, residual(output))

    with ExitStack() as stack:
        for layer, block in enumerate(blocks):
            stack.callback(block.register_forward_hook(hook(layer)).remove)
        yield


class Growth:
    """One pass over the stem in which new chains are born after the blocks of `births`.

    Rows 0..R-1 are the unsteered chain; each birth appends R rows, a copy of them plus its vector.
    Every block is handed the mask and positions of the rows it meets (research/fast-sweep.md 2.4).
    """

    def __init__(self, stem: Stem, births: Mapping[int, Tensor], cache: DynamicCache) -> None:
        self.depth, self.ancestors = stem.depth, stem.ancestors
        self.births, self.cache = births, cache
        self.copies = 1 + sum(len(rows) for rows in births.values())
        # The object itself is kept beside its result: a freed id would be given out again.
        self._made: dict[object, tuple[object, Any]] = {}

    @contextmanager
    def attached(self, blocks: Iterable[nn.Module]) -> Iterator[None]:
        """Hook `blocks` while the context lasts, and never longer."""
        with ExitStack() as stack:
            for layer, block in enumerate(blocks):
                hook = block.register_forward_pre_hook(self._before(layer), with_kwargs=True)
                stack.callback(hook.remove)
                if layer in self.births:
                    stack.callback(block.register_forward_hook(self._after(layer)).remove)
            yield

    def _after(self, layer: int) -> Callable[..., Any]:
        def hook(_module: nn.Module, _args: Any, output: Any) -> Any:
            hidden = residual(output)
            stem = hidden[:, None, : len(self.depth)]
            born = (stem + self.births[layer].to(hidden)[None, :, None]).flatten(1, 2)
            return with_residual(output, torch.cat([hidden, born], 1))

        return hook

    def _before(self, layer: int) -> Callable[..., Any]:
        def hook(
            block: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]
        ) -> tuple[tuple[()], dict[str, Any]]:
            parameters = list(inspect.signature(block.forward).parameters)
            named = dict(zip(parameters, args, strict=False)) | kwargs
            hidden = named[parameters[0]]
            _gate(block, parameters[0], named)
            rows = hidden.shape[1]
            for name in TILED:
                if named.get(name) is not None:
                    named[name] = self._positions(named[name], rows)
            named["attention_mask"] = self._mask(layer, named.get("attention_mask"), hidden)
            return (), named

        return hook

    def _positions(self, value: Any, rows: int) -> Any:
        """Return `value` [B or 1, R, ...], or a tuple of such, repeated to `rows` positions."""
        if isinstance(value, tuple):
            return tuple(self._positions(part, rows) for part in value)

        def tile() -> Tensor:
            repeats = [1] * value.dim()
            repeats[1] = self.copies
            repeated: Tensor = value.repeat(repeats)
            return repeated

        return self._once(id(value), value, tile)[:, :rows]

    def _mask(self, layer: int, mask: Tensor | None, hidden: Tensor) -> Tensor:
        """Return the mask of the rows that block `layer` meets."""
        stem, (batch, rows, _) = len(self.depth), hidden.shape
        trunk = self.cache.layers[layer].keys.shape[-2] if mask is None else mask.shape[-1] - stem

        def make() -> Tensor:
            own = open_mask(batch, stem, trunk, hidden.device) if mask is None else mask
            return chain_mask(own, self.depth, self.ancestors, self.copies)

        key = ("open", trunk, hidden.device) if mask is None else id(mask)
        return self._once(key, mask, make)[..., :rows, : trunk + rows]

    def _once(self, key: object, about: object, make: Callable[[], Tensor]) -> Tensor:
        if key not in self._made:
            self._made[key] = (about, make())
        made: Tensor = self._made[key][1]
        return made


def _gate(block: nn.Module, first: str, named: Mapping[str, Any]) -> None:
    """Refuse blocks of which is known, or not known, that extra rows would go wrong."""
    family = type(block).__module__.rsplit(".", 2)[-2]
    if family in REPLAYED:
        raise Refused(f"{family}: {REPLAYED[family][1]}; it is served by replays")
    if named[first].dim() != 3:
        raise Refused(
            f"{type(block).__name__}: hidden states of shape {list(named[first].shape)} are not "
            "one residual stream; this model cannot be steered here"
        )
    mask = named.get("attention_mask")
    # A mask with heads already holds the biases of falcon's alibi, which stands beside it unused.
    baked = ("alibi",) if isinstance(mask, Tensor) and mask.shape[1] > 1 else ()
    for name, value in named.items():
        if isinstance(value, Tensor) and name not in (first, "attention_mask", *TILED, *baked):
            raise Refused(
                f"{type(block).__name__}: argument {name} {list(value.shape)} is not known to the "
                "fast sweep; use the reference path"
            )
