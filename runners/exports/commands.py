"""`steerhouse export vector ID --to FORMAT`: a vector for other tools."""

from __future__ import annotations

import math
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import click

from specs.faults import Refused

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    import duckdb

    from runners.exports.formats import Format
    from runners.exports.known import Known
    from specs.settings import Settings

NAMES = ("gguf", "steering-vectors", "lm-eval", "repeng")


@click.group("export")
def export() -> None:
    """Take what was made here to other tools."""


def _layer(_context: click.Context, _option: click.Parameter, given: tuple[str, ...]) -> object:
    """Refuse what is neither a number nor `all`."""
    for each in given:
        if each != "all" and not each.isdecimal():
            raise click.BadParameter(f"{each!r} is neither a layer's number nor `all`")
    return given


@export.command()
@click.argument("name", metavar="[ID]", required=False)
@click.option("--to", "format_", type=click.Choice(NAMES), help="Tool that will read the file.")
@click.option("--out", type=click.Path(path_type=Path), metavar="FILE", help="[default: by name]")
@click.option(
    "--layer",
    "layers",
    multiple=True,
    callback=_layer,
    metavar="N|all",
    help="Layers to put into the file [default: the one that validation chose].",
)
@click.option("--multiplier", type=float, default=1.0, show_default=True, help="Written into it.")
@click.option("--force", is_flag=True, help="Write over a file that is there.")
@click.pass_obj
def vector(
    settings: Settings,
    /,
    name: str | None,
    format_: str | None,
    out: Path | None,
    layers: tuple[str, ...],
    multiplier: float,
    force: bool,
) -> None:
    """Write a steering vector into a file for another tool, and say how that loads it.

    ID is a vector_id, the beginning of one, or concept/method or concept/method/fit_variant where
    that means one vector; without ID, the fitted vectors are listed. docs/vectors.md says what each
    tool does with the file.

    \b
    steerhouse export vector
    steerhouse export vector kind/mean_difference --to gguf --layer 3
    """  # noqa: D301
    if name is None:
        _list(settings)
        return
    if format_ is None:
        raise click.UsageError(f"--to is missing: one of {', '.join(NAMES)}")
    if not math.isfinite(multiplier) or multiplier == 0:
        raise Refused(f"--multiplier {multiplier:g}: steers nowhere; give another number")
    from runners.exports import known, vector as one
    from runners.exports.formats import FORMATS

    kind = FORMATS[format_]
    with _warehouse(settings.home) as connection:
        found = known.find(known.known(settings.home, connection), name)
        chosen = one.chosen_layers(found, layers, connection)
        here = one.directions(settings.home, found, connection)
    content = one.exported(found, {layer: here[layer] for layer in chosen}, multiplier)
    path = out or one.default_path(found, chosen, kind)
    one.write(path, kind, content, force)
    _tell(path, kind, found, chosen, multiplier)


def _tell(
    path: Path, kind: Format, found: Known, layers: tuple[int, ...], multiplier: float
) -> None:
    """Say where the file is, how its reader loads it, and what that does otherwise."""
    from runners.console import say

    named = ", ".join(map(str, layers))
    scaled = "" if multiplier == 1 else f", times {multiplier:g}"
    about = found.vector_id if found.role == "fitted" else f"{found.vector_id}, {found.role}"
    say(f"{path}: {found.name} ({about}), layer {named} of {found.model}{scaled}")
    for layer in sorted({*layers} & {*found.degenerate}):
        say(
            f"layer {layer} is degenerate: shorter than 1e-4 of the residual stream, it says little"
        )
    click.echo(kind.how.format(file=str(path), layers=list(layers)))
    say(kind.differs)


def _list(settings: Settings) -> None:
    """Print the fitted vectors to stdout, and how many others there are."""
    from runners.console import say
    from runners.exports.known import known
    from warehouse import queries
    from warehouse.connect import connect
    from warehouse.output import write

    with connect(settings.home) as connection:
        every = connection.sql(queries.text("vectors"))
        columns = "vector_id, model, concept, method, fit_variant, norm, layers"
        write(every.filter("role = 'fitted'").project(columns), "table")
        vectors = known(settings.home, connection)
    others = sum(each.role != "fitted" for each in vectors)
    if others:
        ask = "select vector_id, method, role from vector where role <> 'fitted'"
        say(f'and {others} nulls and resamples: steerhouse sql "{ask}"')
    if not vectors:
        say("no row: nothing was run yet; `steerhouse run quickstart` is a first run")


def _warehouse(home: Path) -> AbstractContextManager[duckdb.DuckDBPyConnection | None]:
    """Open the warehouse; None where there is none yet: vector files may be there alone."""
    from warehouse import file
    from warehouse.connect import connect

    return connect(home) if file.path(home).is_file() else nullcontext()
