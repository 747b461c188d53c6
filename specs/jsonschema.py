"""The JSON Schemas by which an editor completes and checks YAML, from the classes themselves."""

from __future__ import annotations

import json
from pathlib import Path

from pydantic import TypeAdapter

from specs.catalog import SHIPPED
from specs.reader import shown
from specs.schema import KINDS

FOLDER = SHIPPED / "schema"
"""Where the shipped schemas lie, beside the folders of specs that name them."""


def file_name(kind: str) -> str:
    """Return the file name of a kind's schema: `concept.schema.json` for `concepts`."""
    return f"{kind[:-1]}.schema.json"


def modeline(kind: str) -> str:
    """Return the first line of a YAML file, by which editors find the schema beside its folder."""
    return f"# yaml-language-server: $schema=../schema/{file_name(kind)}"


def text(kind: str) -> str:
    """Return the JSON Schema of a kind of spec, equal for equal classes."""
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": kind[:-1],
        **TypeAdapter(KINDS[kind]).json_schema(),
    }
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def differing(folder: Path) -> list[Path]:
    """Return the files in `folder` that are absent or not what `text` gives, in order of kind."""
    paths = {kind: folder / file_name(kind) for kind in KINDS}
    return [
        path
        for kind, path in paths.items()
        if not path.is_file() or path.read_text(encoding="utf-8") != text(kind)
    ]


def write(folder: Path) -> list[Path]:
    """Write what differs into `folder`, which is made where needed; return what was written."""
    changed = differing(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for kind in KINDS:
        path = folder / file_name(kind)
        if path in changed:
            path.write_text(text(kind), encoding="utf-8")
    return changed


def faults(folder: Path) -> list[str]:
    """Return a line for each schema in `folder` that is not what the classes say."""
    remedy = "steerhouse schema" + ("" if folder == FOLDER else f" --dir {folder}")
    return [
        f"{shown(path)}: not what the classes in specs/schema.py say; run `{remedy}`"
        for path in differing(folder)
    ]
