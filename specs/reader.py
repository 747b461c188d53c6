"""One YAML file -> one spec, or every fault of the file at once, each with its place."""

from __future__ import annotations

import functools
import re
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from specs.document import Document, Fault, Loc, Position, compose
from specs.faults import Refused
from specs.messages import dotted, found, messages
from specs.schema import KINDS, Spec

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*\Z")
"""Names become folders, data set configurations and words on a command line."""


def read(path: Path, kind: str) -> Spec:
    """Return the spec of `kind` (a key of `KINDS`) in the file at `path`.

    Raises Refused with every fault of the file as `path:line:column: key: what, what is allowed`.
    """
    document = compose(_text(path))
    spec = _validated(document, path.stem, kind)
    if spec is None or document.faults:
        faults = sorted(document.faults, key=lambda fault: fault.at)
        raise Refused(*(_line(path, fault) for fault in faults))
    spec._path = path
    spec._places = dict(document.values)
    return spec


def position(spec: Spec, loc: Loc) -> Position:
    """Return line and column of the value at `loc` (keys and 0-based indices), as it was read.

    A value that the file leaves to its default has the place of what it would stand in.
    """
    while loc not in spec._places and loc:
        loc = loc[:-1]
    return Position(*spec._places.get(loc, (1, 1)))


def place(spec: Spec, loc: Loc = ()) -> str:
    """Return `path:line:column: key` of a value of `spec`, to begin a fault with."""
    where = f"{shown(spec._path)}:{':'.join(map(str, position(spec, loc)))}" if spec._path else ""
    return ": ".join(filter(None, [where or spec.name, dotted(loc)]))


def has_file(spec: Spec) -> bool:
    """Return whether `spec` was read from a file, and not made from a command's arguments."""
    return spec._path is not None


def shown(path: Path) -> str:
    """Return `path` as a user would type it: relative where it lies below the working folder."""
    absolute = Path(path).absolute()
    here = Path.cwd()
    return str(absolute.relative_to(here) if absolute.is_relative_to(here) else absolute)


def _text(path: Path) -> str:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise Refused(f"{shown(path)}: cannot be read: {error.strerror}") from None
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = data[: error.start].rpartition(b"\n")
        column = len(before[2].decode("utf-8-sig", "replace")) + 1
        at = Position(data[: error.start].count(b"\n") + 1, column)
        what = f"not UTF-8 (byte {data[error.start]:#04x}); save the file as UTF-8"
        raise Refused(_line(path, Fault(at, (), what))) from None


def _validated(document: Document, stem: str, kind: str) -> Spec | None:
    """Return the spec, or None where the data are none; what is wrong joins the faults."""
    data, add = document.data, document.faults.append
    if not NAME.match(stem):
        what = "a file name may hold letters, digits, `.`, `_` and `-`; rename the file"
        add(Fault(Position(1, 1), (), what))
    if not isinstance(data, dict):
        if not document.faults:
            nothing = "the file is empty" if data is None else f"found {found(data)}"
            at = document.values.get((), Position(1, 1))
            add(Fault(at, (), f"{nothing}; should be a mapping of keys, one `key: value` a line"))
        return None
    if isinstance(name := data.get("name", stem), str) and name != stem:
        what = f"{name!r} is not the file's name; write {stem!r}, leave it out, or rename the file"
        add(Fault(document.values["name",], ("name",), what))
    try:
        spec: Spec = _adapter(kind).validate_python({"name": stem, **data})
    except ValidationError as error:
        document.faults.extend(_translated(error, document, kind))
        return None
    return spec


def _translated(error: ValidationError, document: Document, kind: str) -> list[Fault]:
    """Return the faults of `error`, less those that may come of values not readable anyway."""

    def follows(loc: Loc) -> bool:
        return any(loc[: len(bad)] == bad[: len(loc)] for bad in document.unreadable)

    return [
        Fault(document.keys[loc] if at_key else _at(document, loc), loc, what)
        for loc, what, at_key in messages(error, KINDS[kind])
        if not follows(loc)
    ]


def _at(document: Document, loc: Loc) -> Position:
    while loc not in document.values:
        loc = loc[:-1]
    return document.values[loc]


def _line(path: Path, fault: Fault) -> str:
    where = f"{shown(path)}:{fault.at.line}:{fault.at.column}"
    return ": ".join(filter(None, [where, dotted(fault.loc), fault.what]))


@functools.cache
def _adapter(kind: str) -> TypeAdapter[Any]:
    return TypeAdapter(KINDS[kind])
