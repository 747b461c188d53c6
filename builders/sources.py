"""Where a concept's questions come from: the YAML itself, a file beside it, or one of the Hub.

`locate` finds the content and its hash without parsing it, so that an unchanged concept costs one
file read; `read` parses it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from specs.faults import Refused
from specs.identity import canonical_json, sha256
from specs.reader import place as place_in
from specs.schema import Concept, Fields, FileSource, HubSource, InlineSource, TemplateSource
from specs.settings import Settings
from specs.suggestions import did_you_mean
from specs.template import TEXTS, Template, fill

from .refusals import place

Row = dict[str, Any]


@dataclass(frozen=True)
class Located:
    """A source that is there: its file (null in the YAML itself), content hash and Hub commit."""

    path: Path | None
    sha256: str
    commit: str | None = None


@dataclass(frozen=True)
class Source:
    """All rows of a source in its order, as given; row numbers count from 1."""

    kind: str
    where: str
    fields: Fields
    remove: tuple[str, ...]
    rows: list[Row]
    located: Located

    def row(self, number: int) -> str:
        """Return how messages name a row: `path:row 17`."""
        between = {"inline": ": inline question", "template": ": combination"}.get(
            self.kind, ":row"
        )
        return f"{self.where}{between} {number}"


def locate(concept: Concept, settings: Settings, *, online: bool = True) -> Located:
    """Find the source's content; NotReachable where the Hub has it and this machine does not.

    `online=False` looks at mirrors and the Hub cache only and never opens a connection.
    """
    source = concept.source
    if isinstance(source, InlineSource):
        return Located(None, sha256(canonical_json(_inline_rows(source))))
    if isinstance(source, TemplateSource):
        return Located(None, sha256(canonical_json(source.template.model_dump(mode="json"))))
    if isinstance(source, FileSource):
        path, commit = _beside(concept, source), None
    else:
        from .sources_hub import find

        path, commit = find(source, settings, place(concept), online=online)
    try:
        return Located(path, sha256(path.read_bytes()), commit)
    except OSError as error:
        raise Refused(
            f"{place(concept)}: source: {path} cannot be read: {error.strerror}"
        ) from None


def read(concept: Concept, located: Located) -> Source:
    """Return the rows of a located source; Refused names the file and what is wrong in it."""
    source = concept.source
    if isinstance(source, InlineSource):
        rows = _inline_rows(source)
        return Source("inline", place(concept), Fields(), (), rows, located)
    if isinstance(source, TemplateSource):
        where = place_in(concept, ("source", "template"))
        return Source("template", where, Fields(), (), _combined(source.template), located)
    from .sources_file import read_columns

    assert located.path is not None
    kind = "hub" if isinstance(source, HubSource) else "file"
    rows, columns = read_columns(located.path)
    _require(source.fields, columns, located.path, place(concept))
    return Source(kind, str(located.path), source.fields, source.remove, rows, located)


def _inline_rows(source: InlineSource) -> list[Row]:
    return [question.model_dump(mode="json") for question in source.inline]


def _combined(template: Template) -> list[Row]:
    """Return one row for each combination: its texts, and its slots as further columns."""
    return [
        {**{key: fill(getattr(template, key), chosen) for key in TEXTS}, **chosen}
        for chosen in template.combinations()
    ]


def _beside(concept: Concept, source: FileSource) -> Path:
    path = concept.directory / source.file
    if not path.is_file():
        raise Refused(
            f"{place(concept)}: source.file: there is no file {path}; "
            "give its path relative to the YAML"
        )
    return path


def columns(fields: Fields) -> dict[str, str]:
    """Return the columns that fields name, by key; of `column.key` the column."""
    given = fields.model_dump(exclude_none=True)
    if fields.options is None:
        return given
    lists = {key: given[key].partition(".")[0] for key in ("options", "labels")}
    rest = {key: given[key] for key in ("question", "label_confidence")}
    return rest | lists


def _require(fields: Fields, there: list[str], path: Path, concept: str) -> None:
    """Refuse a mapped column that the file does not have; `label_confidence` may be absent."""
    wanted = columns(fields)
    if fields.label_confidence == Fields().label_confidence:
        del wanted["label_confidence"]
    faults = [
        f"{path}: no column {column!r} (source.fields.{key} of {concept}); "
        f"its columns are {', '.join(there) or 'none'}{did_you_mean(column, there)}"
        for key, column in wanted.items()
        if column not in there
    ]
    if faults:
        raise Refused(*faults)
