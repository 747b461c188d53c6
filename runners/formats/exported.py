"""What is written into a file for another tool."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

NAMESPACE = "steerhouse."
"""Before the keys of `Exported.about` where a format has keys of its own."""


@dataclass(frozen=True)
class Exported:
    """Directions of one vector, and where they come from."""

    directions: Mapping[int, np.ndarray]
    """layer (0-based decoder block whose output is steered) -> float32 [d_model], unscaled."""
    multiplier: float
    architecture: str
    """Class of the model in transformers, e.g. `LlamaForCausalLM`."""
    about: Mapping[str, str]
    """vector_id, model_id, concept, … as text; readers other than ours pass over it."""

    def scaled(self) -> dict[int, np.ndarray]:
        """Return layer -> float32 [d_model] times the multiplier."""
        return {
            layer: np.ascontiguousarray(np.float32(self.multiplier) * direction, dtype=np.float32)
            for layer, direction in sorted(self.directions.items())
        }
