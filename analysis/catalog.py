"""The analyses: one question per .sql file, described by the header that the file begins with."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from warehouse.faults import WarehouseRefused

KEYS = ("question", "grain", "source", "params", "columns", "further columns")
"""The parts of a header, in their order; `params` and `further columns` may be left out."""


@dataclass(frozen=True)
class Parameter:
    """A `$name` of the SQL; its `type` is one that analysis/parameters.py knows."""

    name: str
    type: str
    default: str | None
    """As a user types it; None where a value must be given, `null` for a null."""
    meaning: str


@dataclass(frozen=True)
class Column:
    """A column of the answer; `further` ones are left out of a table on a terminal."""

    name: str
    meaning: str
    further: bool = False


@dataclass(frozen=True)
class Analysis:
    """One question: its header, parsed, and its SQL."""

    name: str
    topic: str
    question: str
    grain: str
    source: str
    parameters: tuple[Parameter, ...]
    columns: tuple[Column, ...]
    sql: str

    @property
    def path(self) -> str:
        """Where the file lies, from the folder that holds the rooms."""
        return f"analysis/{self.topic}/{self.name}.sql"

    @property
    def header(self) -> str:
        """The header as it stands in the file, without the comment marks."""
        lines = _header_lines(self.sql)
        return "\n".join(line[3:] for line in lines)


FILTERS = tuple(
    Parameter(name, "varchar[]", "null", f"{meaning}: names or globs, null = all")
    for name, meaning in (
        ("experiment", "experiments that asked for the run"),
        ("model", "models"),
        ("concept", "concepts that the questions ask about"),
        ("method", "methods of the vectors"),
    )
)
"""What `filters` stands for in a header: the parameters of the macro `asked_runs`."""


def _header_lines(sql: str) -> list[str]:
    lines = sql.splitlines()
    end = next((n for n, line in enumerate(lines) if not line.startswith("-- ")), len(lines))
    return lines[:end]


def _sections(name: str, sql: str) -> dict[str, list[str]]:
    """Return the lines of each part of a header; entries that run on are joined."""
    sections: dict[str, list[str]] = {}
    current: list[str] = []
    for line in _header_lines(sql):
        key = re.fullmatch(r"-- ([a-z]+(?: [a-z]+)*):(?: (\S.*))?", line)
        if key:
            current = sections.setdefault(key[1], [])
            current.extend(filter(None, [key[2]]))
        elif line.startswith("--     ") or (line.startswith("--   ") and _is_text(sections)):
            current[-1] += " " + line[2:].strip()
        elif line.startswith("--   "):
            current.append(line[5:])
        else:
            raise ValueError(f"{name}: a header line that is neither a key nor an entry: {line}")
    if [key for key in KEYS if key in sections] != list(sections) or "columns" not in sections:
        raise ValueError(f"{name}: header keys are {', '.join(sections)}; not {', '.join(KEYS)}")
    return sections


def _is_text(sections: dict[str, list[str]]) -> bool:
    return list(sections)[-1] in ("question", "grain", "source")


def _parameters(entries: Iterable[str]) -> Iterable[Parameter]:
    for entry in entries:
        if entry == "filters":
            yield from FILTERS
        else:
            name, kind, default, meaning = re.split(r"\s{2,}", entry, maxsplit=3)
            yield Parameter(name, kind, None if default == "required" else default, meaning)


def _columns(entries: Iterable[str], further: bool) -> Iterable[Column]:
    for entry in entries:
        name, meaning = re.split(r"\s{2,}", entry, maxsplit=1)
        yield Column(name, meaning, further)


def parse(topic: str, name: str, sql: str) -> Analysis:
    """Return the analysis of a file; ValueError says what of its header cannot be read."""
    sections = _sections(f"analysis/{topic}/{name}.sql", sql)
    text = {key: " ".join(sections.get(key, [])) for key in ("question", "grain", "source")}
    return Analysis(
        name=name,
        topic=topic,
        **text,
        parameters=tuple(_parameters(sections.get("params", []))),
        columns=(
            *_columns(sections["columns"], further=False),
            *_columns(sections.get("further columns", []), further=True),
        ),
        sql=sql,
    )


@cache
def analyses() -> dict[str, Analysis]:
    """Return every analysis by name: `analysis/<topic>/<name>.sql`, topics and names in order."""
    found: dict[str, Analysis] = {}
    topics = sorted(entry.name for entry in files("analysis").iterdir() if entry.is_dir())
    for topic in topics:
        entries = sorted(entry.name for entry in (files("analysis") / topic).iterdir())
        for file in (entry for entry in entries if entry.endswith(".sql")):
            name = file.removesuffix(".sql")
            if name in found:
                raise ValueError(f"analysis/{topic}/{file}: {found[name].topic}/ has one too")
            sql = (files("analysis") / topic / file).read_text("utf-8")
            found[name] = parse(topic, name, sql)
    return found


def checks() -> list[Analysis]:
    """Return the data checks, which answer with no row when all is well."""
    return [analysis for analysis in analyses().values() if analysis.topic == "checks"]


def get(name: str) -> Analysis:
    """Return one analysis; WarehouseRefused with the nearest names for one that is not there."""
    found = analyses().get(name)
    if found is None:
        raise WarehouseRefused(
            f"there is no analysis {name!r}; `steerhouse analyse --list` shows them"
            f"{did_you_mean(name, analyses())}"
        )
    return found


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return `; did you mean 'x'?`, or nothing where no known name resembles `word`."""
    close = difflib.get_close_matches(word.casefold(), list(known), n=1, cutoff=0.6)
    return f"; did you mean {close[0]!r}?" if close else ""
