"""Vectors for the library steering-vectors.

Read off steering-vectors/steering-vectors steering_vectors/steering_vector.py (0.12.2): its
SteeringVector is a dataclass of `layer_activations` (layer -> tensor [d_model]) and `layer_type`,
without a file format of its own; people pickle it, or its dict. We write safetensors `layer.N`,
from which its reader makes a SteeringVector in one line. `decoder_block` N is the 0-based block, as
here, by the names that layer_matching.py guesses; `apply` adds multiplier·vector to its output from
`min_token_index` on, 0 unless said otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runners.formats.exported import Exported
from specs.faults import Refused

if TYPE_CHECKING:
    from torch import Tensor

PICKLED = "steering_vectors.steering_vector.SteeringVector"
BLOCK = "decoder_block"


class Stored:
    """What stands in for a pickled SteeringVector: its fields, and none of its code."""

    layer_activations: Mapping[int, Tensor]
    layer_type: str


def write(path: Path, vector: Exported) -> None:
    """Write a tensor `layer.N` for each layer, with where they come from in the header."""
    from safetensors.numpy import save_file

    tensors = {f"layer.{layer}": direction for layer, direction in vector.scaled().items()}
    save_file(tensors, path, metadata={"layer_type": BLOCK, **vector.about})


def by_layer(path: Path, content: Any) -> dict[int, Tensor] | None:
    """Return layer -> tensor of a pickled SteeringVector, or of its dict; None for anything else.

    Raises:
        Refused: a layer type other than the output of decoder blocks.
    """
    if isinstance(content, Mapping) and "layer_activations" in content:
        activations, kind = content["layer_activations"], content.get("layer_type", BLOCK)
    elif isinstance(content, Stored):
        activations, kind = content.layer_activations, content.layer_type
    else:
        activations, kind = content, BLOCK
    if not isinstance(activations, Mapping) or not all(isinstance(key, int) for key in activations):
        return None
    if kind != BLOCK:
        raise Refused(
            f"{path}: a vector for layer type {kind!r}; steerhouse steers the output of decoder "
            f"blocks: train it with layer_type={BLOCK!r}"
        )
    return {layer: tensor.float() for layer, tensor in activations.items()}
