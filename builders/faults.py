"""Everything that would make `build` fail, found without writing anything (`steerhouse check`)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from specs.faults import Refused
from specs.schema import AnyConcept, TextsConcept, Variant
from specs.settings import Settings

from .refusals import NotReachable
from .sources import locate

if TYPE_CHECKING:
    from specs.catalog import Catalog


def faults(
    catalog: Catalog, names: Sequence[str], settings: Settings, online: bool
) -> tuple[list[str], list[str]]:
    """Return (faults, what is not reachable here) of the concepts named.

    With `online` false no connection is opened, and a Hub source that neither a mirror nor the
    cache has is not reachable; with `online` it is asked for, and its absence is a fault.
    """
    found: list[str] = []
    unreachable: list[str] = []
    variants = readable(catalog, catalog.names("variants"))
    for name in names:
        try:
            concept = catalog.get("concepts", name)
            _try(concept, variants, settings, online)
        except NotReachable as refused:
            (found if online else unreachable).extend(refused.faults)
        except Refused as refused:
            found.extend(refused.faults)
    return list(dict.fromkeys(found)), unreachable


def _try(
    concept: AnyConcept, variants: Sequence[Variant], settings: Settings, online: bool
) -> None:
    from .build import prepare
    from .texts import text_rows
    from .variants import render, renderable, told_by_one_item

    if isinstance(concept, TextsConcept):
        text_rows(concept)
        return
    content = prepare(concept, locate(concept, settings, online=online))
    lines: list[str] = []
    for variant in renderable(concept, variants)[0]:
        items = content.items[:1] if told_by_one_item(concept, variant) else content.items
        try:
            render(concept, variant, items)
        except Refused as refused:
            lines.extend(refused.faults)
    if lines:
        raise Refused(*lines)


def readable(catalog: Catalog, names: Sequence[str]) -> list[Variant]:
    """Return the variants whose files have no fault; the faults are the catalog's to report."""
    found: list[Variant] = []
    for name in names:
        try:
            found.append(catalog.get("variants", name))
        except Refused:
            continue
    return found
