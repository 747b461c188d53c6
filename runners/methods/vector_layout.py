"""Which layers a vector file holds, read from its header: `check` imports torch for .pt only."""

from __future__ import annotations

import re
from collections.abc import Mapping
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import numpy as np

from runners.formats import gguf_file, torch_file
from specs.faults import Refused

if TYPE_CHECKING:
    from collections.abc import Callable

    from specs.schema import VectorFile

Shape = tuple[int, ...]
T = TypeVar("T")


class Row(NamedTuple):
    """Where a layer's vector lies in a file."""

    tensor: str
    row: int | None
    """Null: the whole tensor."""
    width: int


def layout(spec: VectorFile, n_layers: int | None, d_model: int | None) -> dict[int, Row]:
    """Return layer -> where its vector lies, in a file that fits a model; null: one of any size.

    Raises:
        Refused: no such file, an unknown format, rows that name no layer or other layers than
            `layers:`, a width other than `d_model`, a layer beyond the model.
    """
    path = file_of(spec)
    found = _by_layer(path, opened(path, _shapes), spec)
    for layer, row in found.items():
        if d_model is not None and row.width != d_model:
            raise Refused(
                f"{path}: layer {layer} has width {row.width}, the model has d_model {d_model}; "
                "this vector belongs to another model"
            )
        if n_layers is not None and not 0 <= layer < n_layers:
            raise Refused(
                f"{path}: holds layer {layer}, the model has layers 0 to {n_layers - 1}; "
                "set `layers:` in the method's YAML"
            )
    return found


def file_of(spec: VectorFile) -> Path:
    """Return the path of a vector file; one that is not there is a Refused."""
    path = spec.directory / spec.file
    if not path.is_file():
        raise Refused(f"{path}: no such vector file; `file:` is relative to the method's YAML")
    return path


def opened(path: Path, read: Callable[[Path], T]) -> T:
    """Return what `read` makes of a file; one that it cannot read is a Refused."""
    try:
        return read(path)
    except Refused:
        raise
    except Exception as error:  # every reader has exceptions of its own for damaged files
        raise Refused(f"{path}: not a readable {path.suffix[1:]} file ({error})") from None


def _shapes(path: Path) -> dict[str, Shape]:
    """Return the shapes of the named arrays of a file by its ending."""
    if path.suffix == ".npy":
        return {"": np.load(path, mmap_mode="r", allow_pickle=False).shape}
    if path.suffix == ".safetensors":
        from safetensors import safe_open

        with safe_open(path, framework="np") as file:
            return {key: tuple(file.get_slice(key).get_shape()) for key in file.keys()}  # noqa: SIM118
    if path.suffix == ".gguf":
        return {name: array.shape for name, array in gguf_file.arrays(path).items()}
    if path.suffix in torch_file.ENDINGS:
        return {name: array.shape for name, array in torch_file.arrays(path).items()}
    raise Refused(f"{path}: unknown vector format; use .safetensors, .npy, .gguf or .pt")


def _by_layer(path: Path, shapes: Mapping[str, Shape], spec: VectorFile) -> dict[int, Row]:
    """Assign arrays to layers: by the number in their names, or by rows and `layers:`."""
    if len(shapes) == 1:
        return _rows(path, *next(iter(shapes.items())), spec)
    found: dict[int, Row] = {}
    for name, shape in shapes.items():
        layer = _number(name)
        if layer is None:
            raise Refused(f"{path}: tensor {name!r} names no layer; expected e.g. `layer.13`")
        if layer in found:
            raise Refused(f"{path}: two tensors end in layer {layer}; keep one of them")
        found[layer] = Row(name, None, prod(shape))
    if missing := [layer for layer in spec.layers or () if layer not in found]:
        raise Refused(
            f"{path}: `layers:` names {missing[0]}, the file holds {sorted(found)}; name these"
        )
    return found if spec.layers is None else {layer: found[layer] for layer in spec.layers}


def _rows(path: Path, name: str, shape: Shape, spec: VectorFile) -> dict[int, Row]:
    """Assign the rows of a single array, [d_model] or [layers, d_model]."""
    if len(shape) not in (1, 2):
        raise Refused(f"{path}: has shape {list(shape)}; expected [d_model] or [layers, d_model]")
    n_rows = shape[0] if len(shape) == 2 else 1
    numbered = _number(name)
    if spec.layers is None and len(shape) == 1 and numbered is None:
        raise Refused(f"{path}: a single vector; name its layer: `layers: [N]`")
    first = numbered if numbered is not None and n_rows == 1 else 0
    layers = spec.layers or tuple(range(first, first + n_rows))
    if len(layers) != n_rows:
        raise Refused(f"{path}: holds {n_rows} rows, `layers:` names {len(layers)}")
    whole = len(shape) == 1
    return {layer: Row(name, None if whole else i, shape[-1]) for i, layer in enumerate(layers)}


def _number(name: str) -> int | None:
    """Return the number that a tensor's name ends in."""
    found = re.search(r"(\d+)$", name)
    return int(found.group(1)) if found else None
