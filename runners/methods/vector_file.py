"""file: a vector of the user's own, from safetensors, npy, gguf or torch.save."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from runners.formats import gguf_file, torch_file
from runners.methods.vector_layout import file_of, layout, opened
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


def refuse_another_model(spec: VectorFile, model_id: str) -> None:
    """Refuse a file that says it was made on another model, unless `other_models: allow`.

    Files of `steerhouse export` and of `<home>/vectors` say so; those of others mostly do not.
    """
    path = file_of(spec)
    said = opened(path, _made_on)
    if spec.other_models == "refuse" and said not in (None, model_id):
        raise Refused(
            f"{path}: was made on model {said}, this one is {model_id} (another model, dtype or "
            f"chat template); write `other_models: allow` in method {spec.name} to steer it anyway"
        )


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
        return gguf_file.arrays(path)
    if path.suffix in torch_file.ENDINGS:
        return torch_file.arrays(path)
    from safetensors.torch import load_file

    return {key: tensor.float().numpy() for key, tensor in load_file(path).items()}


def _made_on(path: Path) -> str | None:
    """Return the model_id that a file says, or None."""
    if path.suffix == ".gguf":
        return gguf_file.made_on(path)
    if path.suffix in torch_file.ENDINGS:
        return torch_file.made_on(path)
    if path.suffix == ".npy":
        return None
    from safetensors import safe_open

    with safe_open(path, framework="np") as file:
        return (file.metadata() or {}).get("model_id")
