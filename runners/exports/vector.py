"""One vector into a file for another tool."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from runners.exports.known import Known, header
from runners.fitting.vectors import HOOK, SIGN, path_of
from runners.formats.exported import Exported
from specs.faults import Refused
from warehouse.whole_file import whole

if TYPE_CHECKING:
    from collections.abc import Sequence

    import duckdb

    from runners.exports.formats import Format


def chosen_layers(
    vector: Known, asked: Sequence[str], connection: duckdb.DuckDBPyConnection | None
) -> tuple[int, ...]:
    """Return the layers that go into the file: those asked for, else the only or the chosen one.

    A reader adds every layer of its file at once, a run of steerhouse one at a time: so `all` has
    to be said.

    Raises:
        Refused: a layer that the vector does not have, or several of which none was chosen.
    """
    listed = ", ".join(map(str, vector.layers))
    if "all" in asked:
        return vector.layers
    if asked:
        layers = sorted({int(layer) for layer in asked})
        if missing := [layer for layer in layers if layer not in vector.layers]:
            raise Refused(f"vector {vector.vector_id}: has no layer {missing[0]}; it has {listed}")
        return tuple(layers)
    best = vector.layers if len(vector.layers) == 1 else _best(vector, connection)
    if len(best) != 1:
        raise Refused(
            f"vector {vector.vector_id}: has layers {listed}, and readers add every layer of a file"
            " at once; say which with --layer N, or --layer all"
        )
    return best


def directions(
    home: Path, vector: Known, connection: duckdb.DuckDBPyConnection | None
) -> dict[int, np.ndarray]:
    """Return layer -> float32 [d_model], from the vector's file, else from the warehouse."""
    path = path_of(home, vector.vector_id)
    if path.is_file():
        from safetensors import safe_open

        header(path)  # says what a damaged file is
        with safe_open(path, framework="np") as file:
            return {
                int(key.removeprefix("layer.")): file.get_tensor(key)
                for key in file.keys()  # noqa: SIM118
            }
    from warehouse import queries

    assert connection is not None  # what has no file is known from the warehouse
    rows = queries.rows(connection, "stored_directions", vector_ids=[vector.vector_id])
    return {layer: np.asarray(direction, np.float32) for _, layer, direction, *_ in rows}


def exported(vector: Known, found: dict[int, np.ndarray], multiplier: float) -> Exported:
    """Return what the file holds."""
    about = {
        "vector_id": vector.vector_id,
        "model_id": vector.model_id,
        "model": vector.model,
        "method": vector.method,
        "norm": vector.norm,
        "role": vector.role,
        "hook": HOOK,
        "sign": SIGN,
        "multiplier": f"{multiplier:g}",
        **({"concept": vector.concept} if vector.concept else {}),
        **({"fit_variant": vector.fit_variant} if vector.fit_variant else {}),
    }
    return Exported(found, multiplier, vector.architecture or "unknown", about)


def default_path(vector: Known, layers: Sequence[int], kind: Format) -> Path:
    """Return a name in the working folder that says what is inside."""
    parts = [*(vector.name.split("/") if vector.concept else [vector.vector_id])]
    if vector.role != "fitted":
        parts = [vector.vector_id]
    which = f"layer{'s' * (len(layers) > 1)}{'-'.join(map(str, layers))}"
    which = "all-layers" if len(which) > 40 else which
    name = "_".join([*parts, which])
    return Path(re.sub(r"[^\w.+-]+", "-", name) + kind.endings[0])


def write(path: Path, kind: Format, content: Exported, force: bool) -> None:
    """Write the file whole or not at all.

    Raises:
        Refused: there is one already and no `force`, an ending that the reader does not take, no
            such folder; and what the format itself cannot hold.
    """
    if path.suffix not in kind.endings:
        raise Refused(f"{path}: its reader knows files by their ending; call it …{kind.endings[0]}")
    if path.exists() and not force:
        raise Refused(f"{path}: is there already; --force writes over it, --out FILE names another")
    if not path.parent.is_dir():
        raise Refused(f"{path}: there is no folder {path.parent}; make it first")
    with whole(path) as unfinished:
        kind.write(unfinished, content)


def _best(vector: Known, connection: duckdb.DuckDBPyConnection | None) -> tuple[int, ...]:
    from warehouse import queries

    if connection is None:
        return ()
    found = queries.rows(connection, "vector_choice", vector_id=vector.vector_id)
    return tuple(layer for (layer,) in found)
