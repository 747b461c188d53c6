"""`steerhouse analyse`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import click

from warehouse.options import form_of, output_options

if TYPE_CHECKING:
    import duckdb

    from analysis.catalog import Analysis

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
    return found.header.replace("\n  filters", f"\n{filters}") + f"\nsql: {found.path}"


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
    from analysis.catalog import get
    from analysis.run import answer
    from warehouse import output
    from warehouse.connect import connect

    analysis, form = get(name), form_of(form, out)
    with connect(home) as connection:
        found = answer(connection, name, given)
        brief = form == "table" and not wide and any(column.further for column in analysis.columns)
        shown = [f'"{c.name}"' for c in analysis.columns if not (brief and c.further)]
        output.write(found.project(", ".join(shown)), form, out)
        for note in _notes(analysis, found, len(shown)):
            click.echo(note, err=True)
        if silence := _silence(connection, analysis, given):
            click.echo(silence, err=True)
        if flattery := _flattery(connection, analysis, given):
            click.echo(flattery, err=True)


def _silence(
    connection: duckdb.DuckDBPyConnection, analysis: Analysis, given: dict[str, Any]
) -> str | None:
    """Return a warning where the model does not answer, unless that is the question itself."""
    from warehouse.answering import warning

    if analysis.name == "answer_mass" or not set(_FILTERS) <= {p.name for p in analysis.parameters}:
        return None
    return warning(connection, **{name: given.get(name) for name in _FILTERS})


def _flattery(
    connection: duckdb.DuckDBPyConnection, analysis: Analysis, given: dict[str, Any]
) -> str | None:
    """Return a warning where `best` is a layer that the reported items chose themselves."""
    from warehouse.queries import rows

    layer = next((p.default for p in analysis.parameters if p.name == "layer"), None)
    if given.get("layer", layer) != "best" or analysis.name == "best_layer":
        return None
    filters = {name: list(given.get(name) or ()) or None for name in _FILTERS}
    ((n_runs,),) = rows(connection, "cross_fitted", **filters)
    if not n_runs:
        return None
    return (
        f"Warning: {n_runs} run(s) have no validation items, so that the items reported chose the "
        "layer themselves and are too good at it; `steerhouse analyse best_layer` cross-fits"
    )


def _notes(analysis: Analysis, found: duckdb.DuckDBPyRelation, n_shown: int) -> list[str]:
    """Return what a reader of the answer should know, for stderr."""
    notes = []
    columns = [column.name for column in analysis.columns]
    ((n_rows,),) = found.aggregate("count(*)").fetchall()
    if not n_rows:
        whole = "which is well" if analysis.topic == CHECKS else "`steerhouse status` says what ran"
        notes.append(f"no row: {whole}")
    elif n_shown < len(columns):
        notes.append(
            f"{n_shown} of {len(columns)} columns; --wide and other formats give all, "
            f"`steerhouse analyse {analysis.name} --about` what they mean"
        )
    if "complete" in columns:
        ((n_incomplete,),) = found.filter("not complete").aggregate("count(*)").fetchall()
        if n_incomplete:
            notes.append(
                f"{n_incomplete} of {n_rows} rows are not complete: what was asked is not all "
                "there; `steerhouse analyse missing_measurements` lists it"
            )
    return notes
