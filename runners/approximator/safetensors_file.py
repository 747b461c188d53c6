"""Safetensors files with a header that says what they are, whole or absent."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from specs.faults import Refused
from warehouse.whole_file import temporary

if TYPE_CHECKING:
    from torch import Tensor


def write_file(path: Path, tensors: Mapping[str, Tensor], header: Mapping[str, str]) -> None:
    """Write a file under a temporary name, then give it its own."""
    from safetensors.torch import save_file

    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = temporary(path)
    save_file({k: t.contiguous() for k, t in tensors.items()}, unfinished, metadata=dict(header))
    with unfinished.open("rb") as written:
        os.fsync(written.fileno())
    unfinished.replace(path)


def read_file(path: Path, wanted: Mapping[str, str]) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Return the tensors of a file on the CPU, and its header.

    Raises:
        Refused: the file is damaged, or its header does not say what is `wanted`.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            header = file.metadata() or {}
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError, ValueError) as error:
        raise Refused(
            f"{path}: not readable ({error}); delete it, and the next run makes it again"
        ) from None
    other = [
        f"{k} is {header.get(k)!r}, not {v!r}" for k, v in wanted.items() if header.get(k) != v
    ]
    if other:
        raise Refused(f"{path}: does not fit here: {'; '.join(other)}; delete the file")
    return tensors, header
