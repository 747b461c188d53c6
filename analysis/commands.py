"""`steerhouse analyse`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import click

from warehouse.options import form_of, output_options

_FILTERS = ("experiment", "model", "concept", "method")
CHECKS = "checks"
"""In place of a name: all data checks, a line each."""


class Settings(Protocol):
    """What this command needs of the front door's settings."""

    @property
    def home(self) -> Path:
        """Where `warehouse.duckdb` lies."""


def _filters(command: Callable[..., None]) -> Callable[..., None]:
    for name in reversed(_FILTERS):
        option = click.option(
            f"--{name}", multiple=True, metavar="NAME", help=f"Only this {name}, or glob of names."
        )
        command = option(command)
    return command


@click.command()
@click.argument("name", required=False, metavar=f"[NAME|{CHECKS}]")
@_filters
@click.option("--param", "params", multiple=True, metavar="NAME=VALUE", help="Set a parameter.")
@output_options
@click.option("--wide", is_flag=True, help="Show every column in a table, as other formats do.")
@click.option("--list", "listed", is_flag=True, help="List the analyses and what they answer.")
@click.option("--about", is_flag=True, help="Say what NAME answers: parameters, columns, source.")
@click.pass_context
def analyse(
    context: click.Context,
    /,
    name: str | None,
    params: tuple[str, ...],
    form: str | None,
    out: Path | None,
    wide: bool,
    listed: bool,
    about: bool,
    **filters: tuple[str, ...],
) -> None:
    """Answer a question that stands ready, from the warehouse.

    `steerhouse analyse --list` shows the questions, `analyse NAME --about` what one of them means.
    `analyse checks` puts every data check and exits with 1 where one finds something.
    """
    if listed:
        click.echo(_listing())
    elif name is None:
        raise click.UsageError("name an analysis; `steerhouse analyse --list` shows them")
    elif about:
        click.echo(_about(name))
    elif name == CHECKS:
        if params or any(filters.values()) or form or out:
            raise click.UsageError("checks look at the whole warehouse and take no options")
        context.exit(int(_check(context.obj.home)))
    else:
        _answer(context.obj.home, name, {**filters, **_pairs(params)}, form, out, wide)


def _pairs(params: tuple[str, ...]) -> dict[str, str]:
    pairs = [param.partition("=") for param in params]
    wrong = [param for param, (_, equals, _) in zip(params, pairs, strict=True) if not equals]
    if wrong:
        raise click.BadParameter(f"{wrong[0]!r} is not NAME=VALUE", param_hint="--param")
    return {name.strip(): value.strip() for name, _, value in pairs}


def _listing() -> str:
    from analysis.catalog import analyses

    width = max(map(len, analyses())) + 2
    lines: list[str] = []
    topics = sorted({found.topic for found in analyses().values()}, key=lambda t: (t == CHECKS, t))
    for topic in topics:
        lines.append(f"{topic}{' (all of them: checks)' if topic == CHECKS else ''}")
        lines += [
            f"  {found.name:<{width}}{found.question}"
            for found in analyses().values()
            if found.topic == topic
        ]
    return "\n".join(lines)


def _about(name: str) -> str:
    from analysis.catalog import FILTERS, get

    found = get(name)
    filters = "\n".join(f"  {each.name:<12}{each.meaning}" for each in FILTERS)
    return (
        found.header.replace("\n  filters", f"\n{filters}")
        + f"\n{'python' if found.is_model else 'sql'}: {found.path}"
    )


def _check(home: Path) -> bool:
    """Print a line for each data check; return whether one found something."""
    from analysis.run import check
    from warehouse.connect import connect

    found = False
    with connect(home) as connection:
        for checked in check(connection):
            found |= checked.n_rows > 0
            name, state = (
                checked.analysis.name,
                f"{checked.n_rows} rows" if checked.n_rows else "ok",
            )
            remedy = f" -> steerhouse analyse {name}" if checked.n_rows else ""
            click.echo(f"{state:<12}{name:<24}{checked.analysis.question}{remedy}")
    return found


def _answer(
    home: Path, name: str, given: dict[str, Any], form: str | None, out: Path | None, wide: bool
) -> None:
    from analysis.brief import brief
    from analysis.catalog import get
    from analysis.notes import notes
    from analysis.run import answer
    from warehouse import output
    from warehouse.connect import connect

    analysis, form = get(name), form_of(form, out)
    with connect(home) as connection:
        found = answer(connection, name, given)
        cut = form == "table" and not wide and any(column.further for column in analysis.columns)
        shown = brief(analysis, found) if cut else [column.name for column in analysis.columns]
        output.write(found.project(", ".join(f'"{name}"' for name in shown)), form, out)
        for note in notes(connection, analysis, found, len(shown), given):
            click.echo(note, err=True)
