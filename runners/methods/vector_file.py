"""file: a vector of the user's own, from safetensors, npy or gguf."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from specs.faults import Refused
from specs.identity import canonical_json, sha256
from specs.schema import VectorFile


def read_vectors(spec: VectorFile, n_layers: int, d_model: int) -> dict[int, np.ndarray]:
    """Return layer -> float32 [d_model] of a vector file.

    Raises:
        Refused: no such file, an unknown format, a width other than `d_model`, a layer beyond the
            model, a value that is not finite; the line says what was found and what was expected.
    """
    path = spec.directory / spec.file
    if not path.is_file():
        raise Refused(f"{path}: no such vector file; `file:` is relative to the method's YAML")
    try:
        arrays = _read(path)
    except Refused:
        raise
    except Exception as error:  # every reader has exceptions of its own for damaged files
        raise Refused(f"{path}: not a readable {path.suffix[1:]} file ({error})") from None
    by_layer = _by_layer(path, arrays, spec)
    for layer, vector in by_layer.items():
        if vector.shape != (d_model,):
            raise Refused(
                f"{path}: layer {layer} has width {vector.shape[-1]}, the model has d_model "
                f"{d_model}; this vector belongs to another model"
            )
        if not 0 <= layer < n_layers:
            raise Refused(
                f"{path}: holds layer {layer}, the model has layers 0 to {n_layers - 1}; "
                "set `layers:` in the method's YAML"
            )
        if not np.isfinite(vector).all():
            raise Refused(f"{path}: layer {layer} holds values that are not finite")
    return by_layer


def content_sha256(vectors: dict[int, np.ndarray]) -> str:
    """Return the fingerprint of the tensors, whatever file format held them."""
    parts = [
        [layer, sha256(np.ascontiguousarray(v, dtype="<f4").tobytes())]
        for layer, v in sorted(vectors.items())
    ]
    return sha256(canonical_json(parts))


def _read(path: Path) -> dict[str, np.ndarray]:
    """Return the named arrays of a file by its ending."""
    if path.suffix == ".npy":
        return {"": np.load(path, allow_pickle=False)}
    if path.suffix == ".safetensors":
        from safetensors.torch import load_file

        return {key: tensor.float().numpy() for key, tensor in load_file(path).items()}
    if path.suffix == ".gguf":
        return _read_gguf(path)
    raise Refused(f"{path}: unknown vector format; use .safetensors, .npy or .gguf")


def _read_gguf(path: Path) -> dict[str, np.ndarray]:
    try:
        from gguf import GGUFReader
    except ImportError:
        raise Refused(f"{path}: reading gguf needs `pip install gguf`") from None
    return {str(tensor.name): np.array(tensor.data) for tensor in GGUFReader(path).tensors}


def _by_layer(path: Path, arrays: dict[str, np.ndarray], spec: VectorFile) -> dict[int, np.ndarray]:
    """Assign arrays to layers: by the number in their names, or by rows and `layers:`."""
    if len(arrays) == 1:
        (array,) = arrays.values()
        rows = np.atleast_2d(array.astype(np.float32))
        numbered = re.search(r"(\d+)$", next(iter(arrays)))
        if spec.layers is None and len(rows) == 1 and numbered is None and array.ndim == 1:
            raise Refused(f"{path}: a single vector; name its layer: `layers: [N]`")
        first = int(numbered.group(1)) if numbered and len(rows) == 1 else 0
        layers = spec.layers or tuple(range(first, first + len(rows)))
        if len(layers) != len(rows):
            raise Refused(f"{path}: holds {len(rows)} rows, `layers:` names {len(layers)}")
        return dict(zip(layers, rows, strict=True))
    found = {}
    for name, array in arrays.items():
        number = re.search(r"(\d+)$", name)
        if number is None:
            raise Refused(f"{path}: tensor {name!r} names no layer; expected e.g. `layer.13`")
        if int(number.group(1)) in found:
            raise Refused(f"{path}: two tensors end in layer {number.group(1)}; keep one of them")
        found[int(number.group(1))] = array.astype(np.float32).reshape(-1)
    if missing := [layer for layer in spec.layers or () if layer not in found]:
        raise Refused(
            f"{path}: `layers:` names {missing[0]}, the file holds {sorted(found)}; name these"
        )
    return found if spec.layers is None else {layer: found[layer] for layer in spec.layers}
