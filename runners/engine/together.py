"""Trunks and few chains in one call of a block: its weights are read once.

Behind their trunks as part of the same sequence the chains need no cache; but the trunks' rows meet
the chains' too in the attention, for nothing, so that this pays while chains are few.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from runners.engine.block_calls import Call, recorded
from runners.engine.chain_arguments import TILED, tiled
from runners.engine.masks import Stem, causal_mask, together_mask
from runners.engine.trunk import Padded
from runners.models.architecture import parts

if TYPE_CHECKING:
    from transformers import DynamicCache

    from runners.models.load import LoadedModel

FEW = 8
"""Chains go with their trunks while these have at least so many times their rows."""


class Together:
    """What blocks are handed for a trunk of `trunk` rows and all chains of a stem behind it."""

    def __init__(
        self, stem: Stem, calls: list[Call], trunk: int, before: int, device: torch.device
    ) -> None:
        self.stem, self.calls, self.trunk, self.before = stem, calls, trunk, before
        self.device = device
        # The object itself is kept beside its result: a freed id would be given out again.
        self._made: dict[object, tuple[object, Tensor]] = {}

    @classmethod
    def of(
        cls, loaded: LoadedModel, rows: Sequence[Sequence[int]], stem: Stem, cache: DynamicCache
    ) -> Together | None:
        """Return it for `rows` of trunks with one stem behind each; None where it cannot serve.

        A stem that forks is not what a model makes of a sequence.
        """
        size, before = len(stem.parents), cache.get_seq_length()
        trunk = max(map(len, rows)) - size
        if stem != Stem.line(size) or size * FEW > trunk:
            return None
        padded = Padded.of(rows, before, loaded.device)
        _, calls = recorded(parts(loaded.model), padded.arguments(cache))
        for call in calls if not before else ():
            # Nothing comes before and nothing asks again: keys and values need not be kept.
            call.named.update({name: None for name, v in call.named.items() if v is cache})
        return cls(stem, calls, trunk, before, loaded.device)

    def serves(self, rows: int) -> bool:
        """Return whether `rows` rows of chains are few."""
        return rows * FEW <= self.trunk

    def arguments(self, layer: int, rows: int) -> dict[str, Any]:
        """Return the arguments of a block, but for hidden states, for `rows` rows of chains."""
        call, size = self.calls[layer], len(self.stem.parents)
        found = dict(call.named)
        copies = rows // size
        for name in TILED:
            if copies > 1 and found.get(name) is not None:
                found[name] = self._positions(found[name], copies)
        mask = found.get("attention_mask")

        def make() -> Tensor:
            own = causal_mask(self.trunk + size, self.before, self.device) if mask is None else mask
            return together_mask(own, self.stem.depth, self.stem.ancestors, copies)

        if copies > 1:
            found["attention_mask"] = self._once(("mask", id(mask), copies), mask, make)
        return found

    def _positions(self, value: Any, copies: int) -> Any:
        """Return `value` [B or 1, S + R, ...], or a tuple of such, for many chains at its end."""
        if isinstance(value, tuple):
            return tuple(self._positions(part, copies) for part in value)
        size = len(self.stem.parents)

        def make() -> Tensor:
            return torch.cat([value[:, :-size], tiled(value[:, -size:], copies)], 1)

        return self._once((id(value), copies), value, make)

    def _once(self, key: object, about: object, make: Callable[[], Tensor]) -> Tensor:
        if key not in self._made:
            self._made[key] = (about, make())
        return self._made[key][1]
