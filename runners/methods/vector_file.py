"""file: a vector of the user's own, from safetensors, npy or gguf."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from runners.methods.vector_layout import file_of, gguf_arrays, layout, opened
from specs.faults import Refused
from specs.identity import canonical_json, sha256
from specs.schema import VectorFile


def read_vectors(spec: VectorFile, n_layers: int, d_model: int) -> dict[int, np.ndarray]:
    """Return layer -> float32 [d_model] of a vector file.

    Raises:
        Refused: no such file, an unknown format, a width other than `d_model`, a layer beyond the
            model, a value that is not finite; the line says what was found and what was expected.
    """
    path = file_of(spec)
    rows = layout(spec, n_layers, d_model)
    arrays = opened(path, _arrays)
    found = {}
    for layer, (tensor, row, _) in rows.items():
        whole = arrays[tensor]
        vector = np.asarray(whole if row is None else whole[row], np.float32).reshape(-1)
        if not np.isfinite(vector).all():
            raise Refused(f"{path}: layer {layer} holds values that are not finite")
        found[layer] = vector
    return found


def content_sha256(vectors: dict[int, np.ndarray]) -> str:
    """Return the fingerprint of the tensors, whatever file format held them."""
    parts = [
        [layer, sha256(np.ascontiguousarray(v, dtype="<f4").tobytes())]
        for layer, v in sorted(vectors.items())
    ]
    return sha256(canonical_json(parts))


def _arrays(path: Path) -> dict[str, np.ndarray]:
    """Return the named arrays of a file, whose ending the layout has found to be known."""
    if path.suffix == ".npy":
        return {"": np.load(path, allow_pickle=False)}
    if path.suffix == ".gguf":
        return gguf_arrays(path)
    from safetensors.torch import load_file

    return {key: tensor.float().numpy() for key, tensor in load_file(path).items()}
