"""Vectors derived from a fitted one, at one layer: its nulls and its resamples (DESIGN 7).

A null says what a vector of that length, or of shuffled labels, does by chance; a resample, fitted
on a bootstrap draw of the training questions, says how much the vector itself could have varied.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from runners.draws import gaussian_direction, resampled_rows
from runners.ids import vector_id
from runners.methods import FITS
from runners.methods.label_shuffled import label_shuffled

if TYPE_CHECKING:
    from runners.fitting import Fitter
    from runners.vectors import SteeringVector


RESAMPLE = "resample"


class Draw(NamedTuple):
    """One vector derived from a fitted one, at one layer."""

    kind: str
    """`random`, `label_shuffled` or `resample`."""
    layer: int
    seed: int
    number: int
    """Its place among the draws of that seed."""


class Stored(NamedTuple):
    """What the warehouse holds of a derived vector."""

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
class Deriver:
    """Derives vectors from a fitted one; what the warehouse holds is read, not drawn again."""

    fitter: Fitter
    parent: SteeringVector
    variant: str

    def make(self, draws: Sequence[Draw]) -> list[SteeringVector]:
        """Return one vector per draw, in order; no more than its id where this is only a plan."""
        ids = [self._id(draw) for draw in draws]
        if self.fitter.plan_only:
            return [replace(self.parent, vector_id=identity) for identity in ids]
        stored = self._stored(ids)
        return [
            self._vector(identity, draw, stored.get((identity, draw.layer)))
            for identity, draw in zip(ids, draws, strict=True)
        ]

    def _named(self, draw: Draw) -> tuple[str, dict[str, Any]]:
        """Return method and parameters: a resample has its parent's, a null is one of its own."""
        if draw.kind == RESAMPLE:
            return self.parent.method, self.parent.parameters
        return draw.kind, {}

    def _id(self, draw: Draw) -> str:
        parent = self.parent
        method, parameters = self._named(draw)
        return vector_id(
            parent.model_id,
            method,
            parameters,
            parent.fits,
            parent.norm,
            parent.norm_vector_id,
            draw.seed,
            draw.number,
            parent.vector_id,
        )

    def _stored(self, ids: Sequence[str]) -> dict[tuple[str, int], Stored]:
        """Return what is in the warehouse already: it needs no training activations."""
        from warehouse import queries
        from warehouse.connect import connect

        if not (self.fitter.home / "warehouse.duckdb").exists():
            return {}
        with connect(self.fitter.home) as connection:
            rows = queries.rows(connection, "stored_directions", vector_ids=list(ids))
        return {
            (identity, layer): Stored(np.asarray(direction, np.float32), raw_length, factor)
            for identity, layer, direction, raw_length, factor in rows
        }

    def _raw(self, draw: Draw) -> Raw:
        """Draw one vector; its norm is the parent's FACTOR, for `random` its length."""
        parent, layer = self.parent, draw.layer
        if draw.kind == "random":
            length = parent.raw_length[layer] * parent.factor[layer]
            d_model = self.fitter.bench.loaded.d_model
            key = (draw.seed, draw.number, layer, parent.vector_id)
            return Raw(length * gaussian_direction(*key, d_model), 1.0)
        training = self.fitter.training(self.variant)
        positive, negative = training.positive[:, layer], training.negative[:, layer]
        drawn = (training.questions, draw.seed, draw.number)
        if draw.kind == RESAMPLE:
            rows = resampled_rows(*drawn)
            raw = FITS[parent.method](positive[rows], negative[rows])
        else:
            raw = label_shuffled(positive - negative, *drawn)
        return Raw(raw, parent.factor[layer])

    def _vector(self, identity: str, draw: Draw, stored: Stored | None) -> SteeringVector:
        """Return the vector of a draw; a stored one to the last bit as it was measured."""
        import torch

        parent, layer = self.parent, draw.layer
        raw = Raw(stored.direction, stored.factor) if stored else self._raw(draw)
        method, parameters = self._named(draw)
        vector = self.fitter.keep(
            identity,
            method,
            parent.name if draw.kind == RESAMPLE else draw.kind,
            parameters,
            parent.fits,
            parent.norm,
            {layer: raw.vector},
            {layer: raw.factor},
            role="resample" if draw.kind == RESAMPLE else "null",
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
