"""Specs as a list to read: a table for a terminal, lines with tabs for anything else."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from specs.catalog import SHIPPED, Catalog
from specs.faults import Refused
from specs.reader import shown

if TYPE_CHECKING:
    from rich.console import Console


class Row(NamedTuple):
    """One spec, in the words of its own file."""

    kind: str
    name: str
    version: int
    description: str
    file: str


def rows(catalog: Catalog, kind: str, names: Sequence[str], faults: list[str]) -> Iterator[Row]:
    """Yield the specs of `names`; those that cannot be read add their lines to `faults` instead."""
    for name in names:
        try:
            spec = catalog.get(kind, name)
        except Refused as refused:
            faults.extend(refused.faults)
        else:
            description = " ".join(spec.description.split())
            own = name in catalog.added(kind)
            file = "(installed)" if own else shown(catalog.path(kind, name))
            yield Row(kind, name, spec.version, description, file)


def notes(catalog: Catalog, listed: Sequence[Row]) -> Iterator[str]:
    """Yield a line for each of the `listed` that stands in the place of others of its name."""
    for row in listed:
        if row.name in catalog.added(row.kind):
            continue
        for path in catalog.hidden(row.kind, row.name):
            yield f"{row.file} is taken, not {shown(path)}"


def as_text(listed: Sequence[Row], with_kind: bool) -> str:
    """Return a line for each row, its fields with tabs between."""
    lines = ("\t".join(map(str, row if with_kind else row[1:])) for row in listed)
    return "".join(f"{line}\n" for line in lines)


def print_table(listed: Sequence[Row], console: Console | None = None) -> None:
    """Print the rows as a table, a part for each kind; a file is `folder/kind/name.yaml`."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = console or Console()
    for kind in dict.fromkeys(row.kind for row in listed):
        table = Table(title=kind, title_justify="left", box=None, pad_edge=False)
        table.add_column("name", no_wrap=True)
        table.add_column("version", justify="right")
        table.add_column("description", min_width=30)
        table.add_column("folder", overflow="fold")
        for row in (row for row in listed if row.kind == kind):
            cells = (row.name, str(row.version), row.description, _folder(row))
            table.add_row(*map(Text, cells))
        console.print(table)


def _folder(row: Row) -> str:
    folder = Path(row.file).parent.parent
    return "shipped" if folder.absolute() == SHIPPED else str(folder)
