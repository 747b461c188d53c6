"""`--format` and `--out`, as every command that writes a result takes them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import click

from warehouse.faults import WarehouseRefused

FORMATS = ("table", "csv", "json", "parquet", "markdown")
"""What `--format` takes."""
SUFFIXES = {
    ".csv": "csv",
    ".json": "json",
    ".parquet": "parquet",
    ".md": "markdown",
    ".txt": "table",
    "": "table",
}
"""Endings of `--out` that say the format where `--format` does not."""


def output_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the two options; the command gets `form` (null where not said) and `out`."""
    command = click.option(
        "--out",
        type=click.Path(path_type=Path, dir_okay=False),
        help="Write it into a file; its ending says the format where --format does not.",
    )(command)
    return click.option(
        "--format",
        "form",
        type=click.Choice(FORMATS),
        help="How the result is written; · in table and markdown is null [default: table].",
    )(command)


def form_of(form: str | None, out: Path | None) -> str:
    """Return the format: as said, else by the ending of `out`, else a table.

    Raises:
        WarehouseRefused: an ending that says nothing.
    """
    if form or out is None:
        return form or "table"
    ending = out.suffix.lower()
    if ending not in SUFFIXES:
        known = ", ".join(known for known in SUFFIXES if known)
        raise WarehouseRefused(f"{out}: its ending says no format ({known}); name one by --format")
    return SUFFIXES[ending]
