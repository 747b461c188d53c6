"""The vectors that are here, by id and by name."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from specs.faults import Refused

if TYPE_CHECKING:
    from collections.abc import Sequence

    import duckdb

SHOWN = 8
"""How many candidates a line names."""
LIST_THEM = "`steerhouse export vector` lists them"


@dataclass(frozen=True)
class Known:
    """A vector that can be exported."""

    vector_id: str
    model: str
    concept: str | None
    """Null for what was fitted on nothing (files), and where there is no warehouse."""
    method: str
    fit_variant: str | None
    norm: str
    role: str
    layers: tuple[int, ...]
    model_id: str
    architecture: str | None
    """Class of the model; null in files of an early version."""
    method_names: tuple[str, ...]
    """All names by which it was asked for."""
    degenerate: tuple[int, ...] = ()
    """Layers at which it is too short to mean a direction, as far as the warehouse says."""

    @property
    def name(self) -> str:
        """Return `concept/method/fit_variant`, without what is not known."""
        return "/".join(part for part in (self.concept, self.method, self.fit_variant) if part)

    def called(self, text: str) -> bool:
        """Return whether `text` is a name of a fitted vector."""
        names = {f"{self.concept}/{method}" for method in self.method_names}
        longer = {f"{name}/{self.fit_variant}" for name in names}
        return self.role == "fitted" and text in names | longer


def known(home: Path, connection: duckdb.DuckDBPyConnection | None) -> list[Known]:
    """Return the vectors of the warehouse, and those whose files alone are there."""
    from warehouse import queries

    rows = queries.rows(connection, "vectors") if connection else []
    found = [_of_row(row) for row in rows]
    ids = {each.vector_id for each in found}
    files = sorted((home / "vectors").glob("[!.]*.safetensors"))
    return found + [_of_file(path) for path in files if path.stem not in ids]


def find(vectors: Sequence[Known], text: str) -> Known:
    """Return the one vector that an id, the beginning of one, or a name means.

    Raises:
        Refused: none, or several, which the line lists.
    """
    whole = [each for each in vectors if each.vector_id == text]
    found = whole or [
        each for each in vectors if each.called(text) or (text and each.vector_id.startswith(text))
    ]
    if len(found) == 1:
        return found[0]
    if not found:
        raise Refused(f"vector {text!r}: none of that id, id prefix or name; {LIST_THEM}")
    listed = "; ".join(
        f"{each.vector_id} ({each.name}, {each.role}, norm {each.norm}, model {each.model})"
        for each in found[:SHOWN]
    )
    more = f"; and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
    raise Refused(f"vector {text!r}: {len(found)} vectors, name one by its id: {listed}{more}")


def header(path: Path) -> dict[str, str]:
    """Return the header of a vector file; a damaged one is a Refused."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="np") as file:
            return dict(file.metadata() or {})
    except (SafetensorError, OSError) as error:
        raise Refused(
            f"{path}: not a readable vector file ({error}); delete it, and run fits it again"
        ) from None


def _of_row(row: tuple[Any, ...]) -> Known:
    """Return what a row of the query `vectors` says."""
    identity, model, concept, method, fit_variant, norm, role, layers, *others = row
    model_id, architecture, names, degenerate = others
    return Known(
        identity,
        model,
        concept,
        method,
        fit_variant,
        norm,
        role,
        tuple(layers),
        model_id,
        architecture,
        tuple(names),
        tuple(degenerate),
    )


def _of_file(path: Path) -> Known:
    """Return what a vector's own file says of it, where the warehouse has not heard of it."""
    said = header(path)
    about: dict[str, Any] = json.loads(said.get("vector", "{}"))
    return Known(
        path.stem,
        said.get("model.source", "?"),
        None,
        str(about.get("name", "?")),
        None,
        said.get("norm", "?"),
        str(about.get("role", "?")),
        tuple(int(layer) for layer in said.get("layers", "").split(",") if layer),
        said.get("model_id", "?"),
        said.get("model.architecture"),
        (str(about.get("name", "?")),),
    )
