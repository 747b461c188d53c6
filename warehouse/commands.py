"""`steerhouse sql` and `steerhouse warehouse`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import click

from warehouse.options import form_of, output_options


class Settings(Protocol):
    """What these commands need of the front door's settings."""

    @property
    def home(self) -> Path:
        """Where `warehouse.duckdb` and `staged/` lie."""


@click.command()
@click.argument("query", metavar='"SQL"|FILE|-')
@output_options
@click.pass_obj
def sql(settings: Settings, query: str, form: str | None, out: Path | None) -> None:
    """Ask the warehouse one question in SQL.

    The question is given in quotes, as a file, or on standard input (`-`). The warehouse is opened
    read-only. `steerhouse sql "show tables"` lists what there is, and
    `steerhouse sql "describe steerability"` the columns of a view.
    """
    import duckdb

    from warehouse import output, statement
    from warehouse.connect import connect
    from warehouse.faults import WarehouseRefused

    text, where = _question(query)
    with connect(settings.home) as connection:
        result = statement.relation(connection, text, where)
        try:
            output.write(result, form_of(form, out), out)
        except duckdb.Error as error:
            line = statement.fault(connection, text, where, error)
            raise WarehouseRefused(line) from error


def _question(query: str) -> tuple[str, str]:
    """Return the SQL and what to call it in a message."""
    from warehouse.faults import WarehouseRefused

    if query == "-":
        return sys.stdin.read(), "stdin"
    one_word = len(query.split()) == 1
    if not one_word or not (query.endswith(".sql") or Path(query).is_file()):
        return query, "query"
    try:
        return Path(query).read_text("utf-8"), query
    except OSError as error:
        raise WarehouseRefused(f"{query}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise WarehouseRefused(f"{query}: is not UTF-8 at byte {error.start}") from error


@click.group()
def warehouse() -> None:
    """Look after the file of results."""


@warehouse.command()
@click.pass_obj
def migrate(settings: Settings) -> None:
    """Create the warehouse, or bring its schema and views up to date."""
    from warehouse.migrate import VERSION, migrate as bring_up_to_date

    applied = bring_up_to_date(settings.home)
    click.echo(f"schema version {VERSION}; applied: {', '.join(applied)}", err=True)


@warehouse.command()
@click.pass_obj
def ingest(settings: Settings) -> None:
    """Take in what runs have staged; `run` does it by itself."""
    from warehouse.faults import WarehouseRefused
    from warehouse.ingest import ingest as take_in

    done = take_in(settings.home)
    rows = ", ".join(f"{n} {relation}" for relation, n in sorted(done.rows.items()))
    click.echo(f"{done.files} files ingested{': ' if rows else ''}{rows}", err=True)
    if done.refused:
        raise WarehouseRefused(*done.refused)


@warehouse.command()
@click.pass_context
def check(context: click.Context) -> None:
    """Read every row and look for damage, doubles and rows that point to nothing."""
    from warehouse.health import check as look

    faulty = False
    for finding in look(context.obj.home):
        faulty |= finding.fault
        click.echo(f"{'FAULT' if finding.fault else 'ok':7}{finding.check}: {finding.found}")
    context.exit(int(faulty))


@warehouse.command()
@click.pass_obj
def info(settings: Settings) -> None:
    """Say where the warehouse lies, how large it is and what it holds."""
    from warehouse import file
    from warehouse.connect import connect
    from warehouse.migrate import version
    from warehouse.queries import rows, sizes

    where = file.path(settings.home)
    with connect(settings.home) as connection:
        click.echo(f"path            {where.resolve()}")
        click.echo(f"size            {where.stat().st_size / 1e6:.1f} MB")
        click.echo(f"schema version  {version(connection)}")
        click.echo("\nrows")
        for table, n in sizes(connection).items():
            click.echo(f"  {table:<18}{n:>14,}")
        click.echo("\nnames")
        for kind, n, names in rows(connection, "names"):
            click.echo(f"  {kind:<18}{n:>14,}  {_some(names, 12)}")


@warehouse.command()
@click.option("--run", "runs", multiple=True, metavar="RUN_ID", help="Remove this run.")
@click.option(
    "--experiment",
    "experiments",
    multiple=True,
    metavar="NAME",
    help="Remove the runs that only this experiment asks for.",
)
@click.option("--yes", is_flag=True, help="Do it; left out, say what would be removed.")
@click.pass_obj
def forget(
    settings: Settings, runs: tuple[str, ...], experiments: tuple[str, ...], yes: bool
) -> None:
    """Remove runs that were wrong, with what only they needed."""
    from warehouse.forget import forget as remove

    if not runs and not experiments:
        raise click.UsageError("name a --run or an --experiment")
    gone = remove(settings.home, runs, experiments, really=yes)
    verb = "removed" if yes else "would remove"
    click.echo(f"{verb} {len(gone.runs)} runs: {_some(gone.runs, 6)}")
    for relation, n in gone.rows.items():
        click.echo(f"  {relation:<18}{n:>14,}")
    if not yes:
        click.echo("nothing is removed yet; add --yes to do it", err=True)


def _some(names: Sequence[str], n: int) -> str:
    more = f" and {len(names) - n} more" if len(names) > n else ""
    return ", ".join(names[:n]) + more
