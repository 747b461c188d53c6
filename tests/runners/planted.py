"""Where the reference model's directions lie, and how near a vector comes to one."""

from __future__ import annotations

import numpy as np
import torch

from runners.reference_model.assemble import SEED, _rotation
from runners.reference_model.axes import vector


def planted(terms: dict[str, float]) -> np.ndarray:
    """Return where the model's rotation puts some axes, float64 [d_model], length 1."""
    turned = vector(terms) @ _rotation(torch.Generator().manual_seed(SEED)).T
    # The generator also draws the fillers' noise, after the rotation.
    found: np.ndarray = (turned / turned.norm()).numpy()
    return found


def cosine(a: object, b: object) -> float:
    """Return the cosine of two vectors, arrays or tensors on the CPU, in float64."""
    one, other = np.asarray(a, np.float64), np.asarray(b, np.float64)
    return float(one @ other / np.linalg.norm(one) / np.linalg.norm(other))
