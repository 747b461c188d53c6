"""A fitted approximator: its map, its skill, its reverse look-up, and the file that holds them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runners.approximator.linear_map import LinearMap
from runners.approximator.reverse import Best
from runners.approximator.safetensors_file import read_file, write_file
from runners.approximator.skill import Skill
from specs.identity import canonical_json

if TYPE_CHECKING:
    from torch import Tensor

FORMAT = "steerhouse-approximator-1"


@dataclass(frozen=True)
class FittedApproximator:
    """Everything about an approximator; its rows in the warehouse are made of it alone."""

    approximator_id: str
    about: dict[str, Any]
    """Columns of the relation `approximator` beside the id, and `name`."""
    map: LinearMap
    skill: Skill
    decoder_cosine: Tensor
    """float32 [d_sae]: of column j of M with decoder row j."""
    causes: Best
    neighbours: Best

    @property
    def layer(self) -> int:
        """Return the decoder block that is steered and read."""
        return int(self.about["layer"])


def path_of(home: Path, approximator_id: str) -> Path:
    """Return where the file of an approximator lies."""
    return home / "approximators" / f"{approximator_id}.safetensors"


def save(home: Path, found: FittedApproximator) -> Path:
    """Write the file of an approximator whole or not at all."""
    tensors = {
        "weights": found.map.weights,
        "bias": found.map.bias,
        "decoder_cosine": found.decoder_cosine,
        **{f"skill.{k}": v for k, v in found.skill._asdict().items() if k != "n"},
        **{f"causes.{k}": v for k, v in found.causes._asdict().items()},
        **{f"neighbours.{k}": v for k, v in found.neighbours._asdict().items()},
    }
    path = path_of(home, found.approximator_id)
    header = {"format": FORMAT, "approximator_id": found.approximator_id}
    write_file(path, tensors, header | {"about": canonical_json(found.about)})
    return path


def load(home: Path, approximator_id: str) -> FittedApproximator | None:
    """Return an approximator fitted earlier, or None where there is none.

    Raises:
        Refused: the file is damaged, or is that of another one.
    """
    path = path_of(home, approximator_id)
    if not path.exists():
        return None
    wanted = {"format": FORMAT, "approximator_id": approximator_id}
    tensors, header = read_file(path, wanted)
    about = json.loads(header["about"])

    def of(part: str) -> dict[str, Tensor]:
        prefix = f"{part}."
        return {k.removeprefix(prefix): t for k, t in tensors.items() if k.startswith(prefix)}

    return FittedApproximator(
        approximator_id,
        about,
        LinearMap(tensors["weights"], tensors["bias"]),
        Skill(n=about["n_held_out"], **of("skill")),
        tensors["decoder_cosine"],
        Best(**of("causes")),
        Best(**of("neighbours")),
    )
