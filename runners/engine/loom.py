"""One pass of trunks and chains: what each block of the model is to compute in it."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from runners.engine.block_calls import Call
from runners.engine.caches import until_filled
from runners.engine.chain_arguments import ChainArguments, gate
from runners.engine.edits import Rows, edited
from runners.engine.hooks import residual, with_residual
from runners.engine.together import Together

if TYPE_CHECKING:
    from transformers import DynamicCache

Read = Callable[[int, Tensor], None]
"""Hears of a layer and its block's output [B, rows, d_model]."""


@dataclass
class Loom:
    """One pass: the trunks' hidden states go from call to call, the chains' through the model."""

    calls: list[Call]
    cache: DynamicCache
    ghost: DynamicCache
    arguments: ChainArguments
    births: Mapping[int, Rows]
    finish: bool
    """Whether the last block's output for the trunks is wanted."""
    read: Read | None
    read_trunks: Read | None
    together: Together | None
    """Serves as long as few chains live; None where it cannot."""
    _both: Tensor | None = None
    """Trunks and chains as the block before left them in one tensor, where no chain was born."""

    def forward(self, layer: int, block: nn.Module) -> Callable[..., Any]:
        """Return what `block` is to compute in the pass over the stems."""
        own = block.forward

        def forward(*args: Any, **kwargs: Any) -> Any:
            first, named = Call.of(own, args, kwargs)
            hidden = named.pop(first)
            gate(block, hidden, named)
            if self._few(layer, hidden):
                output, chains = self._all(layer, block, own, hidden)
            else:
                self._trunks(layer, own)
                output, chains = self._chains(layer, own, first, named, hidden)
            if self.read:
                self.read(layer, chains[:, : hidden.shape[1]])
            self._bear(layer, chains, hidden.shape[1])
            return with_residual(output, chains)

        return forward

    def _few(self, layer: int, hidden: Tensor) -> bool:
        """Return whether chains [B, rows, d_model] go through a block together with their trunks.

        Not where the trunks' keys and values are all that is wanted of it.
        """
        wanted = layer < len(self.calls) - 1 or self.finish or self.read_trunks is not None
        return wanted and self.together is not None and self.together.serves(hidden.shape[1])

    def _all(
        self, layer: int, block: nn.Module, own: Callable[..., Any], hidden: Tensor
    ) -> tuple[Any, Tensor]:
        """Run trunks and chains through a block at once; returns as `_chains` does."""
        assert self.together is not None  # `_few` said so
        first, rows = self.calls[layer].first, hidden.shape[1]
        given = self.together.arguments(layer, rows)
        # What the block before left is held by nobody else while this one runs.
        entering, self._both = self._entering(layer, hidden), None
        gate(block, entering, given)
        output = own(**{first: entering}, **given)
        both = residual(output)
        self._hand_on(layer, both[:, :-rows])
        chains = both[:, -rows:]
        if layer in self.births:
            chains = self._with_room(layer, chains)
        else:
            self._both = both
        self.cache.layers[layer] = self.ghost.layers[layer]
        return output, chains

    def _entering(self, layer: int, hidden: Tensor) -> Tensor:
        """Return the trunks and the chains `hidden` behind them as they enter a block."""
        trunks = self.calls[layer].named.pop(self.calls[layer].first)
        return torch.cat([trunks, hidden], 1) if self._both is None else self._both

    def _hand_on(self, layer: int, trunks: Tensor) -> None:
        """Give the trunks to the next block's call, if there is one, and to who reads them."""
        last = layer == len(self.calls) - 1
        following = self.calls[layer if last else layer + 1]
        following.named[following.first] = trunks
        if not last:
            self.calls[layer].named.clear()
        if self.read_trunks:
            self.read_trunks(layer, trunks)

    def _with_room(self, layer: int, chains: Tensor) -> Tensor:
        """Return `chains` with room behind them for those that are born at a layer."""
        born = len(self.births[layer]) * len(self.arguments.depth)
        roomy = chains.new_empty(len(chains), chains.shape[1] + born, chains.shape[2])
        roomy[:, : chains.shape[1]] = chains
        return roomy

    def _trunks(self, layer: int, own: Callable[..., Any]) -> None:
        """Run the trunks through a block; its output is what the next call is handed."""
        named = self.calls[layer].named
        last = layer == len(self.calls) - 1
        if last and not (self.finish or self.read_trunks):
            # Keys and values are all that chains need of it.
            with until_filled(self.cache.layers[layer]):
                own(**named)
            return
        self._hand_on(layer, residual(own(**named)))

    def _chains(
        self,
        layer: int,
        own: Callable[..., Any],
        first: str,
        named: dict[str, Any],
        hidden: Tensor,
    ) -> tuple[Any, Tensor]:
        """Run all chains through a block, some at a time, each over the trunks and itself only.

        Returns an output of the block, and what it makes of all chains [B, rows, d_model] with room
        behind them for those that are born here: joining parts would need all of them twice.
        """
        mine = {name: self.cache if v is self.ghost else v for name, v in named.items()}
        kept = self.cache.layers[layer]
        size = self.arguments.copies * len(self.arguments.depth)
        born = len(self.births.get(layer, ())) * len(self.arguments.depth)
        output, chains, start = None, None, 0
        for part in torch.split(hidden, size, 1):
            self.cache.layers[layer] = copy.copy(kept)
            given = self.arguments.of(part, mine, kept.keys.shape[-2])
            output = own(**{first: part}, **given)
            found = residual(output)
            if chains is None:
                chains = found.new_empty(len(found), hidden.shape[1] + born, found.shape[2])
            chains[:, start : start + part.shape[1]] = found
            start += part.shape[1]
        # Nothing reads them again, and over all layers they would fill the memory.
        self.cache.layers[layer] = self.ghost.layers[layer]
        assert chains is not None  # the unsteered chain is always there
        return output, chains

    def _bear(self, layer: int, chains: Tensor, rows: int) -> None:
        """Fill the room behind `rows` rows with the chains that are born after block `layer`."""
        if layer in self.births:
            stem = chains[:, None, : len(self.arguments.depth)]
            chains[:, rows:] = edited(self.births[layer], stem).flatten(1, 2)
