"""A built dataset of texts: written whole into its folder, read back from there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from specs.faults import Refused
from specs.identity import NUMERICS, identity
from specs.schema import TextsConcept
from specs.settings import Settings

from . import atomic, texts as texts_
from .dataset import (
    BuiltVariant,
    files_of,
    read_files,
    read_manifest,
    write_config,
    write_manifest,
)
from .layout import CARD, FORMAT, TEXTS, folder_of, texts_schema
from .texts import TextsAudit
from .texts_card import card

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class BuiltTexts:
    """A dataset folder of texts and its content."""

    name: str
    dataset_id: str
    folder: Path
    texts: pa.Table
    """Config `texts` with a `split` column before those on disk."""
    variants: dict[str, BuiltVariant]
    """`texts` alone: what a model reads are the texts as they stand."""
    audit: TextsAudit
    changed: bool
    """Whether the call that returned it wrote the folder."""
    notes: tuple[str, ...] = ()
    """What its builder should be told."""


def build_texts(concept: TextsConcept, settings: Settings) -> BuiltTexts:
    """Write `<home>/datasets/<concept>/`; nothing where spec and source are what it was built from.

    Raises:
        Refused: as `builders.texts.text_rows`; an existing folder is then left as it was.
    """
    folder = folder_of(settings, concept.name)
    inputs = _inputs(concept)
    with atomic.locked(folder):
        before = read_manifest(folder) or {}
        if before.get("kind") == TEXTS and before.get("inputs") == inputs:
            return open_texts(folder)
        rows = texts_.text_rows(concept)
        manifest = _manifest(concept, rows, inputs)
        with atomic.replaced(folder) as draft:
            write_config(draft, TEXTS, rows, rows, texts_schema())
            (draft / CARD).write_text(card(concept, manifest), encoding="utf-8")
            write_manifest(draft, manifest)
        return open_texts(folder, changed=True)


def open_texts(folder: Path, *, changed: bool = False) -> BuiltTexts:
    """Read a dataset folder of texts; Refused where there is none or a file is not as written."""
    import pyarrow as pa

    atomic.recover(folder)
    manifest = read_manifest(folder)
    if manifest is None or manifest.get("kind") != TEXTS:
        what = "is damaged or of another version or kind" if folder.exists() else "is not built"
        raise Refused(f"{folder}: the dataset {what}; run `steerhouse build {folder.name}`")
    files = files_of(TEXTS, [texts_.TRAIN], manifest)
    table = read_files(folder, files)
    split = pa.array([texts_.TRAIN] * len(table), pa.string())
    audit = TextsAudit(**manifest["audit"])
    return BuiltTexts(
        name=manifest["name"],
        dataset_id=manifest["dataset_id"],
        folder=folder,
        texts=table.add_column(0, pa.field("split", pa.string()), split),
        variants={TEXTS: BuiltVariant(TEXTS, manifest["variant_id"], folder, files)},
        audit=audit,
        changed=changed,
        notes=tuple(_notes(audit)),
    )


def _inputs(concept: TextsConcept) -> str:
    """Return the id of everything that rows, audit and card are made from."""
    about = concept.model_dump(mode="json")
    source = texts_.source_sha256(concept)
    return identity("build", format=FORMAT, numerics=NUMERICS, concept=about, source=source)


def _manifest(concept: TextsConcept, rows: list[dict[str, Any]], inputs: str) -> Mapping[str, Any]:
    return {
        "format": FORMAT,
        "kind": TEXTS,
        "name": concept.name,
        "dataset_id": texts_.dataset_id(rows),
        "variant_id": texts_.variant_id(rows),
        "inputs": inputs,
        "source": {"sha256": texts_.source_sha256(concept), "commit": None},
        "concept": concept.model_dump(mode="json"),
        "audit": texts_.audit_texts(rows).to_json(),
    }


def _notes(audit: TextsAudit) -> list[str]:
    """Return what is odd in the texts, a line each."""
    found = []
    if audit.n_in_both:
        found.append(f"{audit.n_in_both} text(s) stand in both lists: what they add cancels")
    if audit.n_duplicate_rows:
        found.append(f"{audit.n_duplicate_rows} text(s) stand in a list twice: each counts once")
    return found
