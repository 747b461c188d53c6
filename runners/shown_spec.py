"""What `show` prints of a spec that has no prompt: where it stands, and what it says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from specs.commands import KINDS
from specs.faults import Refused

if TYPE_CHECKING:
    from specs.catalog import Catalog

CONCEPTS = "concepts"
"""The kind that has prompts."""


def kind_of(name: str, catalog: Catalog) -> str | None:
    """Return the one kind that has a spec of that name; None where none has.

    Raises:
        Refused: several have; the line says which, and how to name one.
    """
    kinds = [kind for kind in KINDS if name in catalog.names(kind)]
    if len(kinds) > 1:
        raise Refused(
            f"{name}: {len(kinds)} specs bear this name, in {' and '.join(kinds)}; say which: "
            + ", ".join(f"`steerhouse show {kind} {name}`" for kind in kinds)
        )
    return kinds[0] if kinds else None


def spec_text(kind: str, name: str, catalog: Catalog) -> str:
    """Return a heading with kind, name, version and file, and the YAML as it stands there.

    Of a spec without a file (`--plugin`, an installed package) its fields.

    Raises:
        Refused: an unknown name, or a file with faults.
    """
    spec = catalog.get(kind, name)
    if name in catalog.added(kind):
        import yaml

        fields = spec.model_dump(mode="json", exclude_defaults=True)
        return f"{kind[:-1]} {name} · no file\n\n{yaml.safe_dump(fields, sort_keys=False).rstrip()}"
    from specs.reader import shown

    path = catalog.path(kind, name)
    text = path.read_text(encoding="utf-8-sig").rstrip()
    return f"{kind[:-1]} {name} · version {spec.version} · {shown(path)}\n\n{text}"
