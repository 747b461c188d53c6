"""What steering does to features: means of paired differences, summed up block by block.

The effect y of a vector is E_steered[f(x)] - E_unsteered[f(x)] (Chalnev, Siu and Conmy 2024): for
each rollout the mean feature over its sampled tokens, minus that of the unsteered rollout with the
same random stream; then the mean over rollouts, with its standard error. Openings do not count:
the unsteered model reads them alike in both, so that they would only dilute the effect.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor

from warehouse.whole_file import temporary

if TYPE_CHECKING:
    from runners.engine.measure import Cell


class Effect(NamedTuple):
    """One vector at a layer and multiplier, one SAE; float64 [d_sae] each."""

    effect: Tensor
    standard_error: Tensor
    """nan where there is one rollout."""
    steered_mean: Tensor
    n_rollouts: int


def moments(steered: Tensor, unsteered: Tensor) -> Tensor:
    """Return float64 [3, d_sae]: sums of steered features, of differences and of their squares.

    `steered` and `unsteered` are [N, d_sae], the means of N rollouts with the same random streams.
    """
    change = steered.double() - unsteered.double()
    return torch.stack([steered.double().sum(0), change.sum(0), change.square().sum(0)])


def effect(sums: Tensor, n_rollouts: int) -> Effect:
    """Return the effect that summed `moments` of so many rollouts say."""
    steered, change, square = sums
    mean = change / n_rollouts
    spread = (square - n_rollouts * mean.square()).clamp(min=0) / max(1, n_rollouts - 1)
    error = (spread / n_rollouts).sqrt() if n_rollouts > 1 else torch.full_like(mean, torch.nan)
    return Effect(mean, error, steered / n_rollouts, n_rollouts)


@dataclass(frozen=True)
class Shelf:
    """The files of feature effects in a home, for one SAE and one stream."""

    home: Path
    sae_id: str
    stream: str

    def whole(self, cell: Cell) -> Path:
        """Return where the dense effect of a cell lies: effect, standard_error, steered_mean."""
        name = f"{self.sae_id}-{self.stream}-{_place(cell)}.safetensors"
        return self.home / "effects" / cell.run.run_id / name

    def part(self, cell: Cell, number: int) -> Path:
        """Return where the sums of one block of a cell lie until all of them are there."""
        name = f"{self.sae_id}-{self.stream}-{_place(cell)}-{number}.safetensors"
        return self.home / "effects" / "parts" / cell.run.run_id / name

    def unsteered(self, evaluation_id: str, number: int) -> Path:
        """Return where the features of a block's unsteered rollouts lie, [N, d_sae]."""
        name = f"{self.sae_id}-{number}.safetensors"
        return self.home / "effects" / "unsteered" / evaluation_id / name

    def has(self, cell: Cell, n_rollouts: int) -> bool:
        """Return whether the effect of a cell over at least so many rollouts is there."""
        return count(self.whole(cell)) >= n_rollouts

    def load(self, cell: Cell) -> Effect:
        """Return the dense effect of a cell."""
        path = self.whole(cell)
        found = read(path)
        columns = [found[name].double() for name in ("effect", "standard_error", "steered_mean")]
        return Effect(columns[0], columns[1], columns[2], count(path))

    def keep(self, cell: Cell, found: Effect) -> None:
        """Write the dense effect of a cell, float32."""
        names = ("effect", "standard_error", "steered_mean")
        write(
            self.whole(cell),
            {name: getattr(found, name).float() for name in names},
            found.n_rollouts,
            {
                "run_id": cell.run.run_id,
                "vector_id": cell.run.vector.vector_id,
                "layer": str(cell.layer),
                "multiplier": repr(cell.multiplier),
                "sae_id": self.sae_id,
                "stream": self.stream,
            },
        )

    def combined(self, cell: Cell, sizes: Mapping[int, int]) -> Effect | None:
        """Return the effect that the parts of a cell make; None: not all are there.

        `sizes`: number of a block -> its rollouts.
        """
        paths = {number: self.part(cell, number) for number in sizes}
        if any(count(path) != sizes[number] for number, path in paths.items()):
            return None
        sums = torch.stack([read(path)["moments"] for path in paths.values()]).sum(0)
        return effect(sums, sum(sizes.values()))

    def forget_parts(self, cell: Cell, numbers: Sequence[int]) -> None:
        """Delete the parts of a cell."""
        for number in numbers:
            self.part(cell, number).unlink(missing_ok=True)
        folder = self.part(cell, 0).parent
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()


def _place(cell: Cell) -> str:
    return f"layer{cell.layer}-x{cell.multiplier!r}"


def write(
    path: Path,
    tensors: Mapping[str, Tensor],
    n_rollouts: int,
    about: Mapping[str, Any] | None = None,
) -> None:
    """Write tensors whole or not at all; the header says over how many rollouts they are."""
    from safetensors.torch import save_file

    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = temporary(path)
    header = {"n_rollouts": str(n_rollouts), **(about or {})}
    save_file({k: v.cpu().contiguous() for k, v in tensors.items()}, unfinished, metadata=header)
    with unfinished.open("rb") as written:
        os.fsync(written.fileno())
    unfinished.replace(path)


def read(path: Path) -> dict[str, Tensor]:
    """Return the tensors of a file."""
    from safetensors.torch import load_file

    found: dict[str, Tensor] = load_file(path)
    return found


def count(path: Path) -> int:
    """Return the rollouts that a file is over; 0 where there is none, or it cannot be read."""
    from safetensors import SafetensorError, safe_open

    if not path.is_file():
        return 0
    try:
        with safe_open(path, framework="pt") as file:
            return int((file.metadata() or {}).get("n_rollouts", 0))
    except SafetensorError:
        return 0
