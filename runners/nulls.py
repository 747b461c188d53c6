"""Null vectors: what a vector of that length, or of shuffled labels, does by chance (DESIGN 7)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from runners.draws import gaussian_direction
from runners.ids import vector_id
from runners.methods.label_shuffled import label_shuffled

if TYPE_CHECKING:
    from runners.fitting import Fitter
    from runners.vectors import SteeringVector


class Draw(NamedTuple):
    """One null of a fitted vector, at one layer."""

    kind: str
    """`random` or `label_shuffled`."""
    layer: int
    seed: int
    number: int
    """Its place among the draws of that seed."""


class Stored(NamedTuple):
    """What the warehouse holds of a null."""

    direction: np.ndarray
    """float32 [d_model], at its norm."""
    raw_length: float
    factor: float


class Raw(NamedTuple):
    """A drawn direction and what it is multiplied by."""

    vector: np.ndarray
    """float [d_model]"""
    factor: float


@dataclass(frozen=True)
class NullMaker:
    """Makes the nulls of one fitted vector; what the warehouse holds is read, not drawn again."""

    fitter: Fitter
    parent: SteeringVector
    variant: str

    def make(self, draws: Sequence[Draw]) -> list[SteeringVector]:
        """Return one vector per draw, in order."""
        ids = [self._id(draw) for draw in draws]
        stored = self._stored(ids)
        return [
            self._vector(identity, draw, stored.get((identity, draw.layer)))
            for identity, draw in zip(ids, draws, strict=True)
        ]

    def _id(self, draw: Draw) -> str:
        parent = self.parent
        return vector_id(
            parent.model_id,
            draw.kind,
            {},
            parent.fits,
            parent.norm,
            parent.norm_vector_id,
            draw.seed,
            draw.number,
            parent.vector_id,
        )

    def _stored(self, ids: Sequence[str]) -> dict[tuple[str, int], Stored]:
        """Return the nulls that are in the warehouse: their training activations are not needed."""
        from warehouse import queries
        from warehouse.connect import connect

        if not (self.fitter.home / "warehouse.duckdb").exists():
            return {}
        with connect(self.fitter.home) as connection:
            rows = queries.rows(connection, "stored_nulls", vector_ids=list(ids))
        return {
            (identity, layer): Stored(np.asarray(direction, np.float32), raw_length, factor)
            for identity, layer, direction, raw_length, factor in rows
        }

    def _raw(self, draw: Draw) -> Raw:
        """Draw one null."""
        parent, layer = self.parent, draw.layer
        if draw.kind == "random":
            length = parent.raw_length[layer] * parent.factor[layer]
            d_model = self.fitter.bench.loaded.d_model
            return Raw(length * gaussian_direction(draw.seed, draw.number, layer, d_model), 1.0)
        training = self.fitter.training(self.variant)
        differences = training.positive[:, layer] - training.negative[:, layer]
        shuffled = label_shuffled(differences, training.questions, draw.seed, draw.number)
        return Raw(shuffled, parent.factor[layer])

    def _vector(self, identity: str, draw: Draw, stored: Stored | None) -> SteeringVector:
        """Return the vector of a draw; a stored one to the last bit as it was measured."""
        import torch

        parent, layer = self.parent, draw.layer
        raw = Raw(stored.direction, stored.factor) if stored else self._raw(draw)
        vector = self.fitter.keep(
            identity,
            draw.kind,
            draw.kind,
            {},
            parent.fits,
            parent.norm,
            {layer: raw.vector},
            {layer: raw.factor},
            role="null",
            norm_vector_id=parent.norm_vector_id,
            seed=draw.seed,
            resample=draw.number,
            parent_vector_id=parent.vector_id,
            residual_norm={k: v for k, v in parent.residual_norm.items() if k == layer},
        )
        if stored is None:
            return vector
        return replace(
            vector,
            directions={layer: torch.from_numpy(stored.direction)},
            raw_length={layer: stored.raw_length},
        )
