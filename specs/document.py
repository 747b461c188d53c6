"""YAML text -> plain data, the place of every key and value, and what is not allowed here."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import yaml

from specs.scalars import meaning

Loc = tuple[str | int, ...]
"""Keys and 0-based list indices from the top of a document to a value."""

ASIDE = -1
"""Stands in a Loc for keys themselves, and for values whose key is not kept."""

MAX_DEPTH = 50
"""No spec nests deeper than a handful; the bound keeps hostile files from using up the stack."""

_HINTS = {
    "mapping values are not allowed here": "put text that contains `: ` in quotes, and check the"
    " indentation",
    "cannot start any token": "indent with spaces, and put text that begins with such a character"
    " in quotes",
    "found unexpected end of stream": "a quote or bracket is not closed",
    "found unknown escape character": "use single quotes where a backslash means a backslash",
}


class Position(NamedTuple):
    """A place in a text file, both counted from 1, columns in characters."""

    line: int
    column: int


class Fault(NamedTuple):
    """What is wrong at one place."""

    at: Position
    loc: Loc
    what: str


@dataclass
class Document:
    """What a YAML text holds: mappings, lists and scalars as Python has them."""

    data: Any = None
    values: dict[Loc, Position] = field(default_factory=dict)
    """Where each value begins."""
    keys: dict[Loc, Position] = field(default_factory=dict)
    """Where the key of each value of a mapping begins."""
    faults: list[Fault] = field(default_factory=list)
    """Tags, anchors, duplicate keys and the like; the data are what would be without them."""
    unreadable: set[Loc] = field(default_factory=set)
    """Values that say nothing, having a fault of their own."""


class _Stop(Exception):
    """Nothing more can be read from this text."""


def compose(text: str) -> Document:
    """Return the one document of `text`; a syntax error ends it and is the last of its faults."""
    composer = _Composer(text)
    try:
        composer.read()
    except _Stop:
        pass
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        at = Position(mark.line + 1, mark.column + 1) if mark else Position(1, 1)
        composer.fault(at, (), f"not YAML: {_in_words(error)}")
    except yaml.reader.ReaderError as error:
        what = f"not YAML: the character U+{ord(_character(error)):04X} is not allowed in it"
        composer.fault(position_at(text, error.position), (), what)
    except (ValueError, OverflowError):
        # PyYAML gives escapes such as "\UFFFFFFFF" to chr(), and has no position for them.
        composer.fault(composer.last, (), "not YAML: an escape or number after here has no meaning")
    return composer.document


def position_at(text: str, index: int) -> Position:
    """Return the place of the character at `index` of `text`."""
    before = text[:index]
    return Position(before.count("\n") + 1, index - before.rfind("\n"))


class _Composer:
    """One pass over the events of a YAML text."""

    def __init__(self, text: str) -> None:
        self.document = Document()
        self.last = Position(1, 1)
        self._events: Iterator[Any] = iter(yaml.parse(text, Loader=yaml.SafeLoader))

    def fault(self, at: Position, loc: Loc, what: str) -> None:
        self.document.faults.append(Fault(at, loc, what))

    def read(self) -> None:
        self._next()
        if isinstance(self._next(), yaml.StreamEndEvent):
            return
        self.document.data = self._node(self._next(), ())
        self._next()
        if not isinstance(self._next(), yaml.StreamEndEvent):
            self.fault(self.last, (), "a second document begins here; a file holds one spec")

    def _next(self) -> Any:
        event = next(self._events)
        self.last = Position(event.start_mark.line + 1, event.start_mark.column + 1)
        return event

    def _unreadable(self, loc: Loc, what: str) -> None:
        self.document.unreadable.add(loc)
        self.fault(self.document.values[loc], loc, what)

    def _node(self, event: Any, loc: Loc) -> Any:
        self.document.values[loc] = self.last
        if isinstance(event, yaml.AliasEvent):
            self._unreadable(loc, f"the alias *{event.anchor} is not allowed; write the value here")
            return None
        if event.anchor:
            what = f"the anchor &{event.anchor} is not allowed; write the value where it is needed"
            self.fault(self.last, loc, what)
        if event.tag:
            tag = event.tag.replace("tag:yaml.org,2002:", "!!")
            self._unreadable(loc, f"the tag {tag} is not allowed; write the plain value")
        if len(loc) > MAX_DEPTH:
            what = f"nested more than {MAX_DEPTH} levels deep; no spec needs that"
            self.fault(self.last, loc[:1], what)
            raise _Stop
        if isinstance(event, yaml.ScalarEvent):
            return self._scalar(event, loc)
        return self._list(loc) if isinstance(event, yaml.SequenceStartEvent) else self._mapping(loc)

    def _list(self, loc: Loc) -> list[Any]:
        members: list[Any] = []
        while not isinstance(event := self._next(), yaml.SequenceEndEvent):
            members.append(self._node(event, (*loc, len(members))))
        return members

    def _mapping(self, loc: Loc) -> dict[str, Any]:
        members: dict[str, Any] = {}
        while not isinstance(event := self._next(), yaml.MappingEndEvent):
            at = self.last
            key = self._node(event, (*loc, ASIDE))
            own = (*loc, key) if isinstance(key, str) and key not in members else (*loc, ASIDE)
            value = self._node(self._next(), own)
            if not isinstance(key, str):
                self.fault(at, loc, "a key must be text; put quotes around it")
            elif key in members:
                first = self.document.keys[*loc, key].line
                what = f"this key is given twice (first in line {first}); keep one"
                self.fault(at, (*loc, key), what)
            else:
                self.document.keys[own] = at
                members[key] = value
        return members

    def _scalar(self, event: Any, loc: Loc) -> Any:
        text: str = event.value
        if any("\ud800" <= character <= "\udfff" for character in text):
            self._unreadable(loc, "an escape of U+D800 to U+DFFF is half a character; write it out")
            return text.encode("utf-16", "replace").decode("utf-16", "replace")
        try:
            return meaning(text) if event.implicit[0] else text
        except OverflowError:
            self._unreadable(loc, "this number is too large; put quotes around it if it is text")
            return None


def _character(error: yaml.reader.ReaderError) -> str:
    return error.character if isinstance(error.character, str) else chr(error.character)


def _in_words(error: yaml.MarkedYAMLError) -> str:
    problem = str(error.problem or error.context)
    hint = next((hint for known, hint in _HINTS.items() if known in problem), None)
    where = f" {error.context}" if error.context and error.context != problem else ""
    return f"{problem}{where}" + (f"; {hint}" if hint else "")
