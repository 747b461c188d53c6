"""A built dataset: written whole into a draft folder, read back from disk with its manifest."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from specs.faults import Refused
from specs.identity import sha256

from .atomic import recover
from .audit import Audit
from .layout import FORMAT, ITEMS, MANIFEST, items_schema, parquet, typed, variant_schema
from .splits import SPLITS

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class BuiltVariant:
    """The rendered rows of a variant, in the order of the dataset's items."""

    name: str
    variant_id: str
    rows: pa.Table


@dataclass(frozen=True)
class BuiltDataset:
    """A dataset folder and its content; `items` has a `split` column before those on disk."""

    name: str
    dataset_id: str
    folder: Path
    concept_answer_format: str
    items: pa.Table
    variants: dict[str, BuiltVariant]
    audit: Audit
    changed: bool
    """Whether the call that returned it wrote the folder."""
    notes: tuple[str, ...] = ()
    """What its builder should be told: rows left out, variants dropped."""


def write_tables(
    draft: Path,
    items: Sequence[Mapping[str, Any]],
    variants: Mapping[str, Sequence[Mapping[str, Any]]],
) -> None:
    """Write config `items` and one config per variant; a split without items has no file."""
    _write_config(draft, ITEMS, items, items, items_schema())
    for name, rows in variants.items():
        _write_config(draft, name, items, rows, variant_schema())


def write_manifest(draft: Path, manifest: Mapping[str, Any]) -> None:
    """Write steerhouse.json, which also lists the hash of every other file."""
    listed = {path: sha256((draft / path).read_bytes()) for path in _files(draft)}
    text = json.dumps({**manifest, "files": listed}, indent=2, ensure_ascii=False, allow_nan=False)
    (draft / MANIFEST).write_text(text + "\n", encoding="utf-8")


def read_manifest(folder: Path) -> dict[str, Any] | None:
    """Return the manifest of a folder whose files are all as they were written, else null."""
    try:
        manifest: dict[str, Any] = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        for path, expected in manifest["files"].items():
            if sha256((folder / path).read_bytes()) != expected:
                return None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    return manifest if manifest.get("format") == FORMAT else None


def open_built(folder: Path, *, changed: bool = False, notes: tuple[str, ...] = ()) -> BuiltDataset:
    """Read a dataset folder; Refused where there is none or a file in it is not as written."""
    recover(folder)
    manifest = read_manifest(folder)
    if manifest is None:
        what = "is damaged or of another version" if folder.exists() else "is not built"
        raise Refused(f"{folder}: the dataset {what}; run `steerhouse build {folder.name}`")
    splits = [split for split in SPLITS if manifest["audit"]["splits"][split]["n_items"]]
    return BuiltDataset(
        name=manifest["name"],
        dataset_id=manifest["dataset_id"],
        folder=folder,
        concept_answer_format=manifest["concept"]["answer_format"],
        items=_with_split(folder, splits),
        variants={
            name: BuiltVariant(name, about["variant_id"], _read_config(folder, name, splits))
            for name, about in manifest["variants"].items()
        },
        audit=Audit(**manifest["audit"]),
        changed=changed,
        notes=notes,
    )


def _write_config(
    draft: Path,
    config: str,
    items: Sequence[Mapping[str, Any]],
    rows: Sequence[Mapping[str, Any]],
    schema: pa.Schema,
) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    (draft / config).mkdir()
    for split in SPLITS:
        of_split = [row for item, row in zip(items, rows, strict=True) if item["split"] == split]
        if of_split:
            table = pa.Table.from_pylist(of_split, schema=schema).cast(typed(schema))
            pq.write_table(table, draft / parquet(config, split), compression="zstd")


def _files(folder: Path) -> list[str]:
    return sorted(
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file() and path.name != MANIFEST and not path.name.startswith(".")
    )


def _read_config(folder: Path, config: str, splits: Sequence[str]) -> pa.Table:
    import pyarrow as pa
    import pyarrow.parquet as pq

    tables = [pq.ParquetFile(folder / parquet(config, split)).read() for split in splits]
    return pa.concat_tables(tables).replace_schema_metadata(None).combine_chunks()


def _with_split(folder: Path, splits: Sequence[str]) -> pa.Table:
    import pyarrow as pa
    import pyarrow.parquet as pq

    lengths = [pq.read_metadata(folder / parquet(ITEMS, split)).num_rows for split in splits]
    column = [split for split, n in zip(splits, lengths, strict=True) for _ in range(n)]
    table = _read_config(folder, ITEMS, splits)
    return table.add_column(0, pa.field("split", pa.string()), pa.array(column, pa.string()))
