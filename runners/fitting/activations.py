"""Training activations on disk: a safetensors file of which one layer at a time is in memory."""

from __future__ import annotations

import errno
import json
import os
import shutil
import tempfile
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, NamedTuple

import numpy as np

from specs.faults import Refused
from warehouse.whole_file import temporary

FORMAT = "steerhouse-activations-1"
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class Shape(NamedTuple):
    """How much a file holds."""

    layers: int
    items: int
    width: int
    """d_model."""
    negatives: int | None = None
    """Rows of the negative side, where these are not the items of the positive one (texts)."""

    @property
    def rows(self) -> tuple[int, int]:
        """Rows of the positive and of the negative side."""
        return self.items, self.items if self.negatives is None else self.negatives

    @property
    def size(self) -> int:
        """Bytes of both tensors, float32, and of the mean lengths, float64."""
        return 4 * self.layers * (sum(self.rows) * self.width + 2)


@dataclass
class ActivationFile:
    """Tensors `positive`, `negative` [layers, rows, d_model] and `residual_norm` [layers].

    Written row by row in any order, read layer by layer. It has no name before it is whole, and
    none at all unless it is to be kept: so whatever ends the process leaves nothing behind. It is
    no memory map: under one, a disk that fills up kills the process; here it is an error.
    """

    file: IO[bytes]
    shape: Shape
    start: int
    """Where the tensors begin."""
    path: Path | None = None
    """What it is called when it is whole; null where it is not to be kept."""
    residual_norm: np.ndarray = field(default_factory=lambda: np.empty(0))
    """float64 [layers]: mean length over items and both completions; known when it is whole."""
    _lengths: tuple[np.ndarray, ...] = ()
    """float64 [rows, layers] of either side."""

    def __post_init__(self) -> None:
        weakref.finalize(self, self.file.close)

    @classmethod
    def create(
        cls, folder: Path, shape: Shape, header: Mapping[str, str], path: Path | None = None
    ) -> ActivationFile:
        """Begin a file in `folder`, to be called `path` when it is whole, or to have no name.

        Raises:
            Refused: the disk has no room for it.
        """
        folder.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(folder).free
        if free < shape.size:
            raise _no_room(folder, shape, f"{sized(free)} are free")
        head = _head(shape, header)
        file: IO[bytes]
        file = temporary(path).open("w+b") if path else tempfile.TemporaryFile(dir=folder)  # noqa: SIM115
        lengths = tuple(np.full((rows, shape.layers), np.nan) for rows in shape.rows)
        found = cls(file, shape, len(head), path, _lengths=lengths)
        try:
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(file.fileno(), 0, len(head) + shape.size)
            os.pwrite(file.fileno(), head, 0)
        except OSError as error:
            found.close()
            if error.errno in NO_ROOM:
                raise _no_room(folder, shape, str(error.strerror)) from None
            raise
        return found

    @classmethod
    def open(cls, path: Path, shape: Shape, header: Mapping[str, str]) -> ActivationFile:
        """Return a kept file.

        Raises:
            Refused: it is damaged, or its header says that it is of something else.
        """
        file = path.open("rb")
        try:
            length = int.from_bytes(file.read(8), "little")
            described = json.loads(file.read(min(length, path.stat().st_size)))
            differs = _differences(described, shape, header)
        except (ValueError, AttributeError, TypeError):
            differs = ["no header"]
        start = 8 + length
        if not differs and path.stat().st_size != start + shape.size:
            differs = ["size"]
        if differs:
            file.close()
            raise Refused(f"{path}: does not fit here ({', '.join(differs)}); delete it")
        found = cls(file, shape, start, path)
        file.seek(found._offset(2, 0, 0))
        found.residual_norm = np.fromfile(file, "<f8", shape.layers)
        return found

    def write(self, side: int, layer: int, rows: Sequence[int], hidden: np.ndarray) -> None:
        """Write float32 [rows, d_model] of the positive (0) or negative (1) completions."""
        for row, values in zip(rows, np.ascontiguousarray(hidden, "<f4"), strict=True):
            os.pwrite(self.file.fileno(), values.tobytes(), self._offset(side, layer, row))
        self._lengths[side][list(rows), layer] = np.linalg.norm(hidden.astype(np.float64), axis=1)

    def finish(self) -> None:
        """Give a file that is to be kept its name, now that every row is written."""
        # In the order of items, so that batches decide nothing.
        self.residual_norm = np.concatenate(self._lengths).mean(0)
        if np.isnan(self.residual_norm).any():
            raise ValueError("an activation file lacks rows")
        end = self._offset(2, 0, 0)
        os.pwrite(self.file.fileno(), self.residual_norm.astype("<f8").tobytes(), end)
        if self.path:
            os.fsync(self.file.fileno())
            temporary(self.path).replace(self.path)

    def layer(self, layer: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the positive and negative activations of one layer, float32 [items, d_model]."""
        positive, negative = (self._read(side, layer) for side in (0, 1))
        return positive, negative

    def close(self) -> None:
        """Let go of the file; without a name it is gone, half-written under one too."""
        self.file.close()
        if self.path:
            temporary(self.path).unlink(missing_ok=True)

    def _offset(self, side: int, layer: int, row: int) -> int:
        layers, _, width, _ = self.shape
        positives, negatives = self.shape.rows
        before = (0, layers * positives, layers * (positives + negatives))[side]
        items = (positives, negatives, 0)[side]
        return self.start + 4 * width * (before + layer * items + row)

    def _read(self, side: int, layer: int) -> np.ndarray:
        self.file.seek(self._offset(side, layer, 0))
        items, width = self.shape.rows[side], self.shape.width
        return np.fromfile(self.file, "<f4", items * width).reshape(items, width)


def _tensors(shape: Shape) -> dict[str, dict[str, object]]:
    """Return a safetensors header without its metadata."""
    layers, width = shape.layers, shape.width
    shapes = [[layers, rows, width] for rows in shape.rows]
    half, end = 4 * layers * shape.items * width, 4 * layers * sum(shape.rows) * width
    return {
        "positive": {"dtype": "F32", "shape": shapes[0], "data_offsets": [0, half]},
        "negative": {"dtype": "F32", "shape": shapes[1], "data_offsets": [half, end]},
        "residual_norm": {
            "dtype": "F64",
            "shape": [layers],
            "data_offsets": [end, end + 8 * layers],
        },
    }


def _differences(
    described: dict[str, object], shape: Shape, header: Mapping[str, str]
) -> list[str]:
    """Return which of `header`'s keys a file's header has otherwise; `shape` for its tensors."""
    about = described.pop("__metadata__", None)
    if not isinstance(about, dict):
        return ["no header"]
    differs = [key for key, value in header.items() if about.get(key) != value]
    return differs if described == _tensors(shape) else [*differs, "shape"]


def _head(shape: Shape, header: Mapping[str, str]) -> bytes:
    """Return the beginning of a safetensors file; the library would want all tensors in memory."""
    text = json.dumps({"__metadata__": dict(header), **_tensors(shape)}).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text


def sized(n_bytes: int) -> str:
    """Return a size as a person would say it."""
    return f"{n_bytes / 1e6:,.1f} MB" if n_bytes < 1e9 else f"{n_bytes / 1e9:,.1f} GB"


def _no_room(folder: Path, shape: Shape, why: str) -> Refused:
    return Refused(
        f"{folder}: no room for {sized(shape.size)} of training activations ({why}); make "
        "room there, or name a folder on another disk by --home"
    )
