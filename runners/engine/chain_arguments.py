"""What a block is handed for many chains, rearranged from what its model made for one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor, nn

from runners.engine.masks import Stem, chain_mask, open_mask
from runners.models.families import REPLAYED
from specs.faults import Refused

TILED = ("position_ids", "position_embeddings")
"""Block arguments with one entry per position, in dimension 1."""


class ChainArguments:
    """Positions and masks of up to `copies` chains of one stem."""

    def __init__(self, stem: Stem, copies: int) -> None:
        self.depth, self.ancestors, self.copies = stem.depth, stem.ancestors, copies
        # The object itself is kept beside its result: a freed id would be given out again.
        self._made: dict[object, tuple[object, Any]] = {}

    def of(self, hidden: Tensor, named: Mapping[str, Any], trunk: int) -> dict[str, Any]:
        """Return the arguments of a block for the chains `hidden` [B, rows, d_model].

        `named` are those that the model made for one chain of R rows, `trunk` the slots that the
        cache of the block holds.
        """
        rows = hidden.shape[1]
        found = dict(named)
        for name in TILED:
            if found.get(name) is not None:
                found[name] = self._positions(found[name], rows)
        found["attention_mask"] = self._mask(found.get("attention_mask"), hidden, trunk)
        return found

    def _positions(self, value: Any, rows: int) -> Any:
        """Return `value` [B or 1, R, ...], or a tuple of such, repeated to `rows` positions."""
        if isinstance(value, tuple):
            return tuple(self._positions(part, rows) for part in value)
        return self._once(id(value), value, lambda: tiled(value, self.copies))[:, :rows]

    def _mask(self, mask: Tensor | None, hidden: Tensor, trunk: int) -> Tensor:
        """Return the mask of some chains over `trunk` slots."""
        stem, (batch, rows, _) = len(self.depth), hidden.shape

        def make() -> Tensor:
            own = open_mask(batch, stem, trunk, hidden.device) if mask is None else mask
            return chain_mask(own, self.depth, self.ancestors, self.copies)

        key = ("open", trunk, hidden.device) if mask is None else id(mask)
        made = self._once(key, mask, make)
        # The model's own mask may have columns for more slots than the block's cache holds.
        slots = made.shape[-1] - stem * self.copies
        return made[..., :rows, : slots + rows]

    def _once(self, key: object, about: object, make: Callable[[], Tensor]) -> Tensor:
        if key not in self._made:
            self._made[key] = (about, make())
        made: Tensor = self._made[key][1]
        return made


def tiled(value: Tensor, copies: int) -> Tensor:
    """Return `value` with its dimension 1 repeated."""
    repeats = [1] * value.dim()
    repeats[1] = copies
    return value.repeat(repeats)


def gate_family(block: nn.Module) -> None:
    """Look at what kind of block it is.

    Raises:
        Refused: chains are known to be wrong on it.
    """
    family = type(block).__module__.rsplit(".", 2)[-2]
    if family in REPLAYED:
        raise Refused(f"{family}: {REPLAYED[family][1]}; it is served by replays")


def gate(block: nn.Module, hidden: Tensor, named: Mapping[str, Any]) -> None:
    """Look at what a block is handed, the arguments beside its hidden states in `named`.

    Raises:
        Refused: it is not known that more rows than the model made would be right.
    """
    if hidden.dim() != 3:
        raise Refused(
            f"{type(block).__name__}: hidden states of shape {list(hidden.shape)} are not "
            "one residual stream; this model cannot be steered here"
        )
    mask = named.get("attention_mask")
    # A mask with heads already holds the biases of falcon's alibi, which stands beside it unused.
    baked = ("alibi",) if isinstance(mask, Tensor) and mask.shape[1] > 1 else ()
    for name, value in named.items():
        if isinstance(value, Tensor) and name not in ("attention_mask", *TILED, *baked):
            raise Refused(
                f"{type(block).__name__}: argument {name} {list(value.shape)} is not known to the "
                "fast sweep; use the reference path"
            )
