"""What is done to hidden states: rows that are added, or operators on the component along a vector.

The operators are defined in `specs.operators`. Each is pointwise in position and looks at nothing
but the output of its own block there. So a chain stays one copy of the unsteered stem, edited after
its block, and is exact whether or not the operator is linear.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import inf
from typing import NamedTuple, overload

import torch
from torch import Tensor


class Edit(NamedTuple):
    """What one chain does: all that the reference path is told of it."""

    operator: str
    multiplier: float
    vector: Tensor
    """float32 [d_model]."""

    @property
    def length(self) -> float:
        """Absolute length of multiplier times vector."""
        return abs(self.multiplier) * float(self.vector.norm())


@dataclass(frozen=True)
class Edits:
    """Rows of one layer of which not all are simply added: along û, a component kept in bounds.

    A row does h + (c − û·h) û, where c is û·h brought within [low, high]; one that is added does
    h + row. All operators are cases of these two.
    """

    edits: tuple[Edit, ...]
    """n of them, as they were asked for."""
    rows: Tensor
    """float64 [n, d_model]: û, or what is added; 0 where the vector has no direction."""
    low: Tensor
    """float64 [n]."""
    high: Tensor
    """float64 [n]."""
    added: Tensor
    """bool [n]."""

    @classmethod
    def of(cls, edits: Sequence[Edit]) -> Edits:
        """Return the rows of some edits, in their order."""
        low, high = zip(*map(_bounds, edits), strict=True)
        return cls(
            tuple(edits),
            torch.stack([_row(edit).double() for edit in edits]),
            torch.tensor(low, dtype=torch.float64),
            torch.tensor(high, dtype=torch.float64),
            torch.tensor([edit.operator == "add" for edit in edits]),
        )

    def __len__(self) -> int:
        return len(self.edits)

    def __iter__(self) -> Iterator[Edit]:
        return iter(self.edits)

    @overload
    def __getitem__(self, which: int) -> Edit: ...

    @overload
    def __getitem__(self, which: slice | Tensor) -> Edits: ...

    def __getitem__(self, which: int | slice | Tensor) -> Edit | Edits:
        """Return one edit, or the rows of a slice or of an int64 index [k]."""
        if isinstance(which, int):
            return self.edits[which]
        places = range(len(self))[which] if isinstance(which, slice) else which.tolist()
        columns = (self.rows, self.low, self.high, self.added)
        return Edits(tuple(self.edits[i] for i in places), *(column[which] for column in columns))

    def on(self, hidden: Tensor) -> Tensor:
        """Return [..., n, T, d_model] of hidden states [..., n or 1, T, d_model].

        Computed in float64, where the device has it, and rounded once: a component along a vector
        may be many times what is left, and its rounding would stand in every coordinate. A row
        that is added is rounded first, as it is where nothing but adding is done, so that no number
        depends on what else is asked.
        """
        wide = torch.float32 if hidden.device.type == "mps" else torch.float64
        rows, low, high = (
            column.to(wide).to(hidden.device) for column in (self.rows, self.low, self.high)
        )
        added = self.added.to(hidden.device)
        rows = torch.where(added[:, None], rows.to(hidden.dtype).to(wide), rows)
        before = hidden.to(wide)
        along = torch.einsum("...ntd,nd->...nt", before, rows)
        moved = along.clamp(low[:, None], high[:, None]) - along
        share = torch.where(added[:, None], 1, moved)
        return torch.addcmul(before, share[..., None], rows[:, None]).to(hidden.dtype)


Rows = Tensor | Edits
"""What the chains of one layer do; a tensor float32 [n, d_model] is rows that are added."""


def rows_of(edits: Sequence[Edit]) -> Rows:
    """Return what chains do, a row for each edit: a tensor where all are added."""
    if all(edit.operator == "add" for edit in edits):
        return torch.stack([_row(edit) for edit in edits])
    return Edits.of(edits)


def edited(rows: Rows, hidden: Tensor) -> Tensor:
    """Return [..., n, T, d_model]: what n rows make of hidden states [..., n or 1, T, d_model]."""
    if isinstance(rows, Tensor):
        return hidden + rows.to(hidden)[:, None]
    return rows.on(hidden)


def operators(rows: Rows) -> list[str]:
    """Return the operator of each row."""
    return (
        ["add"] * len(rows) if isinstance(rows, Tensor) else [edit.operator for edit in rows.edits]
    )


def length(row: Tensor | Edit) -> float:
    """Return the length of what a row adds, or of multiplier times vector where it does not."""
    return float(row.norm()) if isinstance(row, Tensor) else row.length


def _row(edit: Edit) -> Tensor:
    """Return what is added, or û; zero where there is no direction."""
    if edit.operator == "add":
        return edit.multiplier * edit.vector
    vector = edit.vector.double()
    size = vector.norm()
    return vector / size if size > 0 else torch.zeros_like(vector)


def _bounds(edit: Edit) -> tuple[float, float]:
    """Return between what the component along û is brought."""
    target = edit.multiplier * float(edit.vector.double().norm())
    upwards = (target, inf) if edit.multiplier >= 0 else (-inf, target)
    return {
        "add": (-inf, inf),
        "ablate": (0.0, 0.0),
        "ablate_then_add": (target, target),
        "clamp": upwards,
    }[edit.operator]
