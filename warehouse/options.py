"""`--format` and `--out`, as every command that writes a result takes them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import click

FORMATS = ("table", "csv", "json", "parquet", "markdown")
"""What `--format` takes."""
SUFFIXES = {".csv": "csv", ".json": "json", ".parquet": "parquet", ".md": "markdown"}
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
    """Return the format: as said, else by the ending of `out`, else a table."""
    return form or SUFFIXES.get(out.suffix.lower() if out else "", "table")
