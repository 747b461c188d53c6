"""`steerhouse list` and `steerhouse schema`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from specs.settings import Settings

KINDS = (
    "concepts",
    "variants",
    "methods",
    "models",
    "text_sets",
    "prompt_sets",
    "scorers",
    "saes",
    "approximators",
    "experiments",
)


@click.command("list")
@click.argument("kind", required=False, type=click.Choice(KINDS))
@click.argument("patterns", nargs=-1, metavar="[NAME]...")
@click.pass_obj
def list_specs(settings: Settings, kind: str | None, patterns: tuple[str, ...]) -> None:
    """Show specs: all, those of one KIND, or those that names, globs and tag:WORD pick.

    On a terminal this is a table; elsewhere lines of name, version, description and file with tabs
    between (behind the kind, where none was given).
    """
    from specs import catalog, listing
    from specs.faults import Refused

    specs = catalog.open(settings)
    faults: list[str] = []
    rows: list[listing.Row] = []
    for each in (kind,) if kind else KINDS:
        names = specs.resolve(each, patterns) if patterns else specs.names(each)
        rows.extend(listing.rows(specs, each, names, faults))
    for note in listing.notes(specs, rows):
        click.echo(note, err=True)
    if sys.stdout.isatty():
        listing.print_table(rows)
    else:
        click.echo(listing.as_text(rows, with_kind=kind is None), nl=False)
    if faults:
        raise Refused(*faults)


@click.command()
@click.option("--check", is_flag=True, help="Write nothing; exit with 1 where a file differs.")
@click.option(
    "--dir",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder of the schemas.  [default: the shipped specs/schema]",
)
def schema(check: bool, folder: Path | None) -> None:
    """Write the JSON Schemas by which editors complete and check the YAML."""
    from specs import jsonschema
    from specs.faults import Refused
    from specs.reader import shown

    folder = folder or jsonschema.FOLDER
    if not check:
        for path in jsonschema.write(folder):
            click.echo(shown(path))
    elif faults := jsonschema.faults(folder):
        raise Refused(*faults)
