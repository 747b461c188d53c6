"""The analyses: one question per file, .sql or (in models/) .py, described by its header.

A .py file begins with the same header behind `# ` and may name the `topic` it is listed under.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from warehouse.faults import WarehouseRefused

KEYS = ("question", "topic", "grain", "source", "params", "columns", "further columns")
"""The parts of a header, in their order; `params` and `further columns` may be left out."""
MODELS = "models"
"""The folder of what SQL cannot say readably, in Python; its .sql files read what these work on."""
MARKS = {".sql": "-- ", ".py": "# "}
"""What a line of a header begins with, by the suffix of the file."""


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
    """One question: its header, parsed, and the text of its file."""

    name: str
    topic: str
    question: str
    grain: str
    source: str
    parameters: tuple[Parameter, ...]
    columns: tuple[Column, ...]
    header: str
    """The header as it stands in the file, without the comment marks."""
    path: str
    """Where the file lies, from the folder that holds the rooms."""
    sql: str
    """The whole file; empty for an analysis in Python."""

    @property
    def is_model(self) -> bool:
        """Whether Python answers (`models/<name>.py`) and not one query."""
        return self.path.endswith(".py")


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


def _header(text: str, mark: str) -> list[str]:
    """Return the lines that a file begins with, without their marks."""
    lines = text.splitlines()
    end = next((n for n, line in enumerate(lines) if not line.startswith(mark)), len(lines))
    return [line.removeprefix(mark) for line in lines[:end]]


def _sections(path: str, header: Iterable[str]) -> dict[str, list[str]]:
    """Return the lines of each part of a header; entries that run on are joined."""
    sections: dict[str, list[str]] = {}
    current: list[str] = []
    for line in header:
        key = re.fullmatch(r"([a-z]+(?: [a-z]+)*):(?: (\S.*))?", line)
        if key:
            current = sections.setdefault(key[1], [])
            current.extend(filter(None, [key[2]]))
        elif line.startswith("    ") or (line.startswith("  ") and _is_text(sections)):
            current[-1] += " " + line.strip()
        elif line.startswith("  "):
            current.append(line[2:])
        else:
            raise ValueError(f"{path}: a header line that is neither a key nor an entry: {line}")
    if [key for key in KEYS if key in sections] != list(sections) or "columns" not in sections:
        raise ValueError(f"{path}: header keys are {', '.join(sections)}; not {', '.join(KEYS)}")
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


def parse(topic: str, name: str, text: str, suffix: str = ".sql") -> Analysis:
    """Return the analysis of a file; ValueError says what of its header cannot be read."""
    path = f"analysis/{topic}/{name}{suffix}"
    header = _header(text, MARKS[suffix])
    sections = _sections(path, header)
    words = {key: " ".join(sections.get(key, [])) for key in ("question", "grain", "source")}
    return Analysis(
        name=name,
        topic=" ".join(sections.get("topic", [topic])),
        **words,
        parameters=tuple(_parameters(sections.get("params", []))),
        columns=(
            *_columns(sections["columns"], further=False),
            *_columns(sections.get("further columns", []), further=True),
        ),
        header="\n".join(header),
        path=path,
        sql=text if suffix == ".sql" else "",
    )


@cache
def analyses() -> dict[str, Analysis]:
    """Return every analysis by name: `analysis/<topic>/<name>`, topics and names in order."""
    found: dict[str, Analysis] = {}
    topics = sorted(entry.name for entry in files("analysis").iterdir() if entry.is_dir())
    for topic in topics:
        suffix = ".py" if topic == MODELS else ".sql"
        entries = sorted(entry.name for entry in (files("analysis") / topic).iterdir())
        for file in (entry for entry in entries if entry.endswith(suffix)):
            text = (files("analysis") / topic / file).read_text("utf-8")
            if suffix == ".py" and not text.startswith(f"{MARKS[suffix]}{KEYS[0]}:"):
                continue  # a part that several models share
            name = file.removesuffix(suffix)
            if name in found:
                raise ValueError(f"analysis/{topic}/{file}: {found[name].path} has that name too")
            found[name] = parse(topic, name, text, suffix)
    return dict(sorted(found.items(), key=lambda entry: (entry[1].topic, entry[0])))


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
