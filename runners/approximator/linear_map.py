"""A linear map from steering vectors to effects on features, y = xM + b, and its examples."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from torch import Tensor

Block = tuple[Tensor, Tensor]
"""Vectors float32 [n, d_model] and their effects float32 [n, d_sae]."""

EffectsOf = Callable[[Tensor], Tensor]
"""From unit vectors float32 [n, d_model] to their measured effects float32 [n, d_sae]."""


class LinearMap(NamedTuple):
    """What an approximator computes."""

    weights: Tensor
    """M, float32 [d_model, d_sae]: column j is the direction that moves feature j most."""
    bias: Tensor
    """b, float32 [d_sae]: what a vector does to each feature by its mere length."""

    def effects(self, vectors: Tensor) -> Tensor:
        """Return the predicted effects, float32 [n, d_sae], of vectors [n, d_model]."""
        return vectors.to(self.weights) @ self.weights + self.bias


class Examples(Protocol):
    """Vectors with their effects, in blocks that are read one at a time."""

    def sizes(self) -> list[int]:
        """Return how many vectors each block has."""
        ...

    def block(self, number: int) -> Block:
        """Return one block."""
        ...


@dataclass(frozen=True)
class Held:
    """Examples that are in memory."""

    blocks: Sequence[Block]

    def sizes(self) -> list[int]:
        """Return how many vectors each block has."""
        return [len(x) for x, _ in self.blocks]

    def block(self, number: int) -> Block:
        """Return one block."""
        return self.blocks[number]


@dataclass(frozen=True)
class Rows:
    """The examples from row `start` up to `stop`, with the blocks that they lie in."""

    whole: Examples
    start: int
    stop: int

    def sizes(self) -> list[int]:
        """Return how many vectors each block has."""
        return [rows.stop - rows.start for _, rows in self._cuts()]

    def block(self, number: int) -> Block:
        """Return one block, less what is not among the rows."""
        at, rows = self._cuts()[number]
        x, y = self.whole.block(at)
        return x[rows.start : rows.stop], y[rows.start : rows.stop]

    def _cuts(self) -> list[tuple[int, range]]:
        """Return number of a block of the whole and its rows that are meant, where any are."""
        found, first = [], 0
        for number, size in enumerate(self.whole.sizes()):
            rows = range(max(0, self.start - first), min(size, self.stop - first))
            if len(rows):
                found.append((number, rows))
            first += size
        return found


def every(examples: Examples) -> Iterator[Block]:
    """Yield the blocks in order, one in memory at a time."""
    for number in range(len(examples.sizes())):
        yield examples.block(number)
