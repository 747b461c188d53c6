"""Measured effects on disk: blocks of vectors, each written whole or not at all."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from runners.approximator.safetensors_file import read_file, write_file
from specs.faults import Refused

if TYPE_CHECKING:
    from torch import Tensor

    from runners.approximator.linear_map import Block

FORMAT = "steerhouse-effects-1"
_NAME = re.compile(r"(\d{9})-(\d{9})\.safetensors")


@dataclass(frozen=True)
class EffectBlocks:
    """The first `n` vectors of a drawn order with their effects, as far as they are measured.

    A file holds the rows that its name says. Rows that are there are never measured again, however
    the blocks were cut: what is missing is found as gaps between files.
    """

    folder: Path
    effects_id: str
    n: int

    @classmethod
    def of(cls, home: Path, effects_id: str, n: int) -> EffectBlocks:
        """Return the blocks of `effects_id` in a home."""
        folder = home / "approximators" / "effects" / effects_id
        folder.mkdir(parents=True, exist_ok=True)
        return cls(folder, effects_id, n)

    def missing(self, most: int) -> Iterator[range]:
        """Yield the rows that are not there yet, at most `most` at a time."""
        at = 0
        for rows in [*self._there(), range(self.n, self.n)]:
            for start in range(at, rows.start, most):
                yield range(start, min(start + most, rows.start))
            at = max(at, rows.stop)

    def write(self, rows: range, vectors: Tensor, effects: Tensor) -> None:
        """Write a block of vectors [n, d_model] and effects [n, d_sae].

        Raises:
            Refused: an effect is not finite, or there is not one for each vector.
        """
        if not len(rows) == len(vectors) == len(effects):
            raise Refused(
                f"effects of {len(rows)} vectors: {len(effects)} came back; nothing was written"
            )
        if not bool(effects.isfinite().all()):
            bad = (~effects.isfinite().all(dim=1)).nonzero()[0].item()
            raise Refused(
                f"effects: vector {rows[int(bad)]} of the drawn order has one that is not finite; "
                "lower `scale` or `rise`, or load the model in a wider dtype"
            )
        tensors = {"vectors": vectors.float().cpu(), "effects": effects.float().cpu()}
        header = {"format": FORMAT, "effects_id": self.effects_id}
        write_file(self.folder / f"{rows.start:09}-{rows.stop:09}.safetensors", tensors, header)

    def sizes(self) -> list[int]:
        """Return how many vectors each block has."""
        return [len(rows) for rows in self._there()]

    def block(self, number: int) -> Block:
        """Return one block.

        Raises:
            Refused: the file is damaged, or is about something else.
        """
        rows = self._there()[number]
        path = next(self.folder.glob(f"{rows.start:09}-*.safetensors"))
        tensors, _ = read_file(path, {"format": FORMAT, "effects_id": self.effects_id})
        return tensors["vectors"][: len(rows)], tensors["effects"][: len(rows)]

    def _there(self) -> list[range]:
        """Return the rows of each file in order, those beyond `n` left out."""
        found = sorted(
            (int(name[1]), int(name[2]))
            for path in self.folder.iterdir()
            if (name := _NAME.fullmatch(path.name))
        )
        return [range(start, min(stop, self.n)) for start, stop in found if start < self.n]
