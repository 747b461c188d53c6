from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from specs import jsonschema
from specs.catalog import SHIPPED
from specs.schema import KINDS

SHIPPED_YAML = sorted(path for kind in KINDS for path in SHIPPED.glob(f"{kind}/*.yaml"))


def test_the_committed_schemas_are_those_of_the_classes() -> None:
    assert jsonschema.faults(jsonschema.FOLDER) == []


def test_there_is_a_schema_for_each_kind_and_no_other() -> None:
    names = {jsonschema.file_name(kind) for kind in KINDS}
    assert {path.name for path in jsonschema.FOLDER.iterdir()} == names


@pytest.mark.parametrize("path", SHIPPED_YAML, ids=lambda path: path.stem)
def test_every_shipped_spec_names_its_schema_in_the_first_line(path: Path) -> None:
    first = path.read_text(encoding="utf-8").splitlines()[0]
    assert first == jsonschema.modeline(path.parent.name)
    assert (path.parent / first.partition("$schema=")[2]).is_file()


@pytest.mark.parametrize("kind", KINDS)
def test_every_key_is_described(kind: str) -> None:
    schema = json.loads(jsonschema.text(kind))
    parts: list[dict[str, Any]] = [schema, *schema.get("$defs", {}).values()]
    keys = {key: body for part in parts for key, body in part.get("properties", {}).items()}
    assert keys
    assert [key for key, body in keys.items() if not body.get("description")] == []


@pytest.mark.parametrize("kind", KINDS)
def test_unknown_keys_are_marked_by_editors(kind: str) -> None:
    schema = json.loads(jsonschema.text(kind))
    parts = [schema, *schema.get("$defs", {}).values()]
    closed = [part["additionalProperties"] for part in parts if "properties" in part]
    allowed = [part for part in parts if part.get("additionalProperties") is True]
    assert closed.count(False) == len(closed) - len(allowed)
    assert [part["title"] for part in allowed] in ([], ["InlineQuestion"])


def test_writing_changes_only_what_differs(tmp_path: Path) -> None:
    folder = tmp_path / "schema"
    written = jsonschema.write(folder)
    assert [path.name for path in written] == [jsonschema.file_name(kind) for kind in KINDS]
    assert jsonschema.write(folder) == []
    written[2].write_text("{}")
    assert jsonschema.differing(folder) == [written[2]]
    assert jsonschema.write(folder) == [written[2]]
