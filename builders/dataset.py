"""A built dataset: written whole into a draft folder, read back from disk with its manifest."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from specs.faults import Refused
from specs.identity import sha256

from .atomic import recover
from .audit import Audit
from .layout import (
    FORMAT,
    ITEMS,
    MANIFEST,
    TEXTS,
    items_schema,
    parquet,
    typed,
    variant_schema,
)
from .splits import SPLITS

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class BuiltVariant:
    """A variant of a dataset folder; its rows stay on disk until somebody asks for them."""

    name: str
    variant_id: str
    folder: Path
    files: Mapping[str, str] = field(repr=False)
    """Its Parquet files in the order of the splits, each with its SHA-256."""

    @property
    def rows(self) -> pa.Table:
        """Read the rendered rows, in the order of the dataset's items.

        Raises:
            Refused: the folder was built anew since the dataset was opened.
        """
        return read_files(self.folder, self.files)


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


def write_items(draft: Path, items: Sequence[Mapping[str, Any]]) -> None:
    """Write config `items`; a split without items has no file."""
    write_config(draft, ITEMS, items, items, items_schema())


def write_variant(
    draft: Path, name: str, items: Sequence[Mapping[str, Any]], rows: Sequence[Mapping[str, Any]]
) -> None:
    """Write the config of a variant, whose rows are in the order of `items`."""
    write_config(draft, name, items, rows, variant_schema())


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
    if manifest.get("kind") == TEXTS:
        raise Refused(f"{folder}: a dataset of texts, which holds no questions")
    splits = [split for split in SPLITS if manifest["audit"]["splits"][split]["n_items"]]
    return BuiltDataset(
        name=manifest["name"],
        dataset_id=manifest["dataset_id"],
        folder=folder,
        concept_answer_format=manifest["concept"]["answer_format"],
        items=_with_split(folder, splits, manifest),
        variants={
            name: BuiltVariant(name, about["variant_id"], folder, files_of(name, splits, manifest))
            for name, about in manifest["variants"].items()
        },
        audit=Audit(**manifest["audit"]),
        changed=changed,
        notes=notes,
    )


def write_config(
    draft: Path,
    config: str,
    items: Sequence[Mapping[str, Any]],
    rows: Sequence[Mapping[str, Any]],
    schema: pa.Schema,
) -> None:
    """Write a config: a file for each split with rows; `items` say which split each is of."""
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


def files_of(config: str, splits: Sequence[str], manifest: Mapping[str, Any]) -> dict[str, str]:
    """Return path -> SHA-256 of the files of a config, in the order of the splits."""
    return {(path := parquet(config, split)): manifest["files"][path] for split in splits}


def read_files(folder: Path, files: Mapping[str, str]) -> pa.Table:
    """Return the rows of some Parquet files, which are held to the bytes of their hashes."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    tables = []
    for path, expected in files.items():
        try:
            content = (folder / path).read_bytes()
        except OSError:
            content = b""
        if sha256(content) != expected:
            raise Refused(
                f"{folder / path}: built anew or damaged while it was in use; run the same "
                "command again"
            )
        tables.append(pq.ParquetFile(pa.BufferReader(content)).read())
    return pa.concat_tables(tables).replace_schema_metadata(None).combine_chunks()


def _with_split(folder: Path, splits: Sequence[str], manifest: Mapping[str, Any]) -> pa.Table:
    import pyarrow as pa

    counts = manifest["audit"]["splits"]
    column = [split for split in splits for _ in range(counts[split]["n_items"])]
    table = read_files(folder, files_of(ITEMS, splits, manifest))
    return table.add_column(0, pa.field("split", pa.string()), pa.array(column, pa.string()))
