"""Trunks that are kept: chains over them as often as asked, each pass one that autograd can follow.

A sweep meets a prompt once and lets go of it block by block (weave.py). Who looks for a vector
meets the same prompts again and again: here their keys and values stay, and so do the unsteered
states of their stems, so that a pass is no more than the chains from their births on.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from runners.engine.block_calls import Call
from runners.engine.caches import empty_cache
from runners.engine.chain_arguments import ChainArguments, gate, gate_family
from runners.engine.chains import with_tails
from runners.engine.edits import edited
from runners.engine.forwards import Tail, replaced, tails, wrapped
from runners.engine.hooks import residual, with_residual
from runners.engine.masks import Stem
from runners.engine.trunk import Padded, split
from runners.models.architecture import parts

if TYPE_CHECKING:
    from transformers import DynamicCache

    from runners.models.load import LoadedModel
    from runners.prompts.positions import TokenisedItem


@dataclass
class KeptTrunks:
    """B prompts up to their stems, ready for chains born after any block."""

    loaded: LoadedModel
    length: int
    """Tokens of the line that every stem begins with; its last row tells the first tokens."""
    stems: Sequence[Sequence[int]]
    stem: Stem
    attended: Tensor
    """int64 [B, S]: 1 where a slot of the trunks holds a token."""
    cache: DynamicCache
    states: dict[int, Tensor] = field(default_factory=dict)
    """layer -> [B, R, d_model], the unsteered stems as that block leaves them."""

    @classmethod
    def of(cls, loaded: LoadedModel, items: Sequence[TokenisedItem], scope: str) -> KeptTrunks:
        """Run the prompts of items that have equally many shared tokens, once and unsteered.

        Raises:
            Refused: a prompt of one token, or blocks that chains are not exact on.
        """
        length = 1 if scope == "decision" else 1 + len(items[0].shared)
        trunks, lines = split(items, length)
        stems, stem = with_tails(items, lines, length)
        padded, cache = Padded.of(trunks, 0, loaded.device), empty_cache(loaded)
        with torch.no_grad():
            parts(loaded.model.eval()).decoder(**padded.arguments(cache))
            kept = cls(loaded, length, stems, stem, padded.attended, cache)
            kept._run({}, kept.states.__setitem__)
        return kept

    @property
    def size(self) -> int:
        """Bytes that are held."""
        held = [t for layer in self.cache.layers for t in (layer.keys, layer.values)]
        return sum(t.numel() * t.itemsize for t in [*held, *self.states.values()])

    def chains(self, births: Mapping[int, Tensor]) -> Tensor:
        """Return [B, n, R, d_model] after the final norm: the n births, by layer and in order.

        `births` maps a layer to float32 [n, d_model], as for `chains.sweep`; gradients reach them.
        """
        return self._run(births, None)

    def _run(
        self, births: Mapping[int, Tensor], read: Callable[[int, Tensor], None] | None
    ) -> Tensor:
        """Run the births from where they are born on; the unsteered stems where there are none."""
        found, rows = parts(self.loaded.model.eval()), len(self.stem.parents)
        gate_family(found.blocks[0])
        copies = sum(map(len, births.values())) or 1
        forked = _fork(self.cache)
        this = _Pass(self, forked, ChainArguments(self.stem, copies), births, read)
        ids = torch.tensor(self.stems, device=self.loaded.device)
        ok, depth = self.attended, torch.tensor(self.stem.depth, device=ids.device)
        with ExitStack() as stack:
            for layer, (block, tail) in enumerate(zip(found.blocks, tails(found), strict=True)):
                stack.enter_context(replaced(block, this.forward(layer, block, tail)))
            output = found.decoder(
                input_ids=ids,
                attention_mask=torch.cat([ok, torch.ones_like(ids)], 1),
                # Only what pads a stem at its ends can lie beyond the context.
                position_ids=(ok.sum(1)[:, None] + depth).clamp(max=self.loaded.context - 1),
                past_key_values=forked,
                use_cache=True,
            )
        # Some decoders view their output back to the input's length: the rows are all there.
        return torch.reshape(output.last_hidden_state, (len(ids), copies, rows, -1))


@dataclass
class _Pass:
    """One pass over the stems: what each block is to compute in it."""

    kept: KeptTrunks
    cache: DynamicCache
    arguments: ChainArguments
    births: Mapping[int, Tensor]
    read: Callable[[int, Tensor], None] | None

    def forward(self, layer: int, block: nn.Module, tail: Tail) -> Callable[..., Any]:
        """Return what `block` is to compute."""
        own, first_birth = block.forward, min(self.births, default=-1)

        def forward(*args: Any, **kwargs: Any) -> Any:
            first, named = Call.of(own, args, kwargs)
            hidden = named.pop(first)
            gate(block, hidden, named)
            if layer < first_birth:  # nobody lives yet
                return wrapped(hidden, tail)
            if layer == first_birth:
                return wrapped(self._born(layer), tail)
            slots = self.cache.layers[layer].keys.shape[-2]
            output = own(**{first: hidden}, **self.arguments.of(hidden, named, slots))
            chains = residual(output)
            if self.read:
                self.read(layer, chains)
            if layer in self.births:
                chains = torch.cat([chains, self._born(layer)], 1)
            return with_residual(output, chains)

        return forward

    def _born(self, layer: int) -> Tensor:
        """Return the chains that are born after a block, [B, n R, d_model]."""
        stem = self.kept.states[layer][:, None]
        return edited(self.births[layer], stem).flatten(1, 2)


def _fork(cache: DynamicCache) -> DynamicCache:
    """Return a cache to go on with, that leaves the one it comes of as it is."""
    found: DynamicCache = copy.copy(cache)
    # Layers rebind their tensors and never write to them.
    found.layers = [copy.copy(layer) for layer in cache.layers]
    return found
