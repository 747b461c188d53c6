"""The refusals of this room that a caller treats differently, and how a place is named in them."""

from __future__ import annotations

from collections.abc import Sequence

from specs.faults import Refused
from specs.reader import shown
from specs.schema import Spec

SHOWN = 5
"""Rows at fault that are printed; the rest is counted."""


class NotReachable(Refused):
    """A source that is right as far as can be told and cannot be read here and now."""


class CannotRender(Refused):
    """A variant that a concept has no answer to: it asks for a persona, or for other symbols."""


def place(spec: Spec) -> str:
    """Return the path of the spec's file, or `concept NAME` where it comes from no file."""
    path = spec._path
    return shown(path) if path else f"{type(spec).__name__.lower()} {spec.name!r}"


def first_few(lines: Sequence[str], of: str) -> list[str]:
    """Return the first five lines and, where there are more, one that counts them all."""
    if len(lines) <= SHOWN:
        return list(lines)
    return [*lines[:SHOWN], f"{of}: {len(lines)} rows are at fault; the first {SHOWN} are above"]
