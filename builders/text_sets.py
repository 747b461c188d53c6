"""Text sets read: the texts of a spec in their order, each with its id, and the id of them all."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from specs.faults import Refused
from specs.identity import identity
from specs.reader import place
from specs.schema import TextFile, TextSet
from specs.suggestions import did_you_mean


@dataclass(frozen=True)
class ReadTextSet:
    """The texts of one spec; both ids follow from the texts alone."""

    spec: TextSet
    text_set_id: str
    texts: dict[str, str]
    """text_id -> text, in the order of the source."""


def read_text_set(spec: TextSet) -> ReadTextSet:
    """Return the texts that a spec gives or names, without white space around them.

    Raises:
        Refused: a file that is not there or cannot be read, a column that it lacks, a row without
            text, a text that stands there twice.
    """
    where = place(spec)
    texts = spec.texts if spec.source is None else _of_file(spec, spec.source, where)
    found: dict[str, str] = {}
    faults = []
    for number, raw in enumerate(texts, 1):
        text = raw.strip()
        text_id = identity("text", text=text)
        if not text:
            faults.append(f"{where}: text {number} is empty; take it out")
        elif text_id in found:
            faults.append(f"{where}: text {number} stands there before; keep one of the two")
        found[text_id] = text
    if faults:
        raise Refused(*faults)
    if not found:
        raise Refused(f"{where}: source.file holds no text")
    return ReadTextSet(spec, identity("text_set", texts=list(found)), found)


def text_set_faults(specs: Sequence[TextSet]) -> list[str]:
    """Return what would make a run on these text sets fail, a line each."""
    found: list[str] = []
    for spec in specs:
        try:
            read_text_set(spec)
        except Refused as refused:
            found += refused.faults
    return found


def _of_file(spec: TextSet, source: TextFile, where: str) -> list[str]:
    """Return the texts of a file: a column's, or of a txt file what stands between empty lines."""
    path = spec.directory / source.file
    if not path.is_file():
        raise Refused(
            f"{where}: source.file: there is no file {path}; give its path relative to the YAML"
        )
    if path.suffix.lower() == ".txt":
        return _paragraphs(path)
    from .sources_file import read_columns

    rows, columns = read_columns(path)
    if source.column not in columns:
        raise Refused(
            f"{path}: no column {source.column!r} (source.column of {where}); its columns are "
            f"{', '.join(columns) or 'none'}{did_you_mean(source.column, columns)}"
        )
    found = [row.get(source.column) for row in rows]
    if odd := [n for n, text in enumerate(found, 1) if not isinstance(text, str)]:
        raise Refused(f"{path}:row {odd[0]}: column {source.column!r} holds no text there")
    return [str(text) for text in found]


def _paragraphs(path: Path) -> list[str]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise Refused(f"{path}:{line}: not UTF-8; save the file as UTF-8") from None
    return [part for part in re.split(r"\n[ \t]*\n", text.replace("\r\n", "\n")) if part.strip()]
