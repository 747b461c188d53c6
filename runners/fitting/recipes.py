"""What a vector is, and what it is at each layer: of these two a steering vector is made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from runners.campaign.ids import Fit, vector_id
from runners.fitting.vectors import SteeringVector

if TYPE_CHECKING:
    from collections.abc import Iterable

    from runners.saes.features import Chosen


@dataclass(frozen=True)
class Recipe:
    """What a vector is: all that its id hashes."""

    model_id: str
    method: str
    parameters: dict[str, Any]
    fits: tuple[Fit, ...]
    norm: str
    norm_vector_id: str | None = None
    seed: int | None = None
    resample: int | None = None
    parent_vector_id: str | None = None
    combination: str | None = None
    """`mean`: of the vectors of several fits; null: there is one, or none."""

    @property
    def vector_id(self) -> str:
        """Return the id of the vector."""
        return vector_id(**vars(self))


@dataclass(frozen=True)
class AtLayer:
    """What a vector is at one layer."""

    raw: np.ndarray
    """float [d_model], as fitted or drawn."""
    factor: float
    """What it is multiplied by."""
    residual_norm: float | None = None
    """Mean length of the activations it was fitted on."""
    geometry: Mapping[str, float] = field(default_factory=dict)
    """Columns of `vector_layer` about the training differences."""
    features: tuple[Chosen, ...] = ()
    """The features of an autoencoder that the raw vector is made of or aims at."""


def steering_vector(
    recipe: Recipe, name: str, layers: Mapping[int, AtLayer], role: str = "fitted"
) -> SteeringVector:
    """Return the vector that `recipe` describes, asked for by `name`, at its norm."""
    import torch

    norms = {layer: at.residual_norm for layer, at in layers.items()}
    return SteeringVector(
        **vars(recipe),
        vector_id=recipe.vector_id,
        name=name,
        role=role,
        directions={
            layer: torch.from_numpy((at.raw * at.factor).astype(np.float32))
            for layer, at in layers.items()
        },
        raw_length={layer: length(at.raw) for layer, at in layers.items()},
        factor={layer: at.factor for layer, at in layers.items()},
        residual_norm={layer: norm for layer, norm in norms.items() if norm is not None},
        geometry={layer: at.geometry for layer, at in layers.items() if at.geometry},
        features={layer: at.features for layer, at in layers.items() if at.features},
    )


def planned_vector(recipe: Recipe, name: str, layers: Iterable[int]) -> SteeringVector:
    """Return a vector that is not fitted: its id, and that it will have these layers."""
    import torch

    return SteeringVector(
        **vars(recipe),
        vector_id=recipe.vector_id,
        name=name,
        role="fitted",
        directions={layer: torch.empty(0) for layer in layers},
        raw_length={},
        factor={},
        residual_norm={},
    )


def length(vector: np.ndarray) -> float:
    """Return the Euclidean length, in float64: squares overflow float32."""
    return float(np.linalg.norm(vector.astype(np.float64)))
