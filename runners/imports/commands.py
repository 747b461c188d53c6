"""`steerhouse import FORMAT PATH`: results of others, under the same SQL."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from specs.faults import Refused

if TYPE_CHECKING:
    from specs.settings import Settings


@click.group("import")
def import_() -> None:
    """Bring in results of others; they are asked with the same SQL as your own."""


@import_.command()
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--label", metavar="NAME", help="Name of the vectors [default: the folder's].")
@click.option("--model", metavar="NAME", help="Model that answered [default: as files say].")
@click.option(
    "--variant", metavar="NAME", default="caa", show_default=True, help="Name of the prompts."
)
@click.option(
    "--scope",
    type=click.Choice(["answer", "decision", "prompt", "all"]),
    default="answer",
    show_default=True,
    help="Positions that were steered.",
)
@click.option(
    "--unfit-items",
    type=click.Choice(["refuse", "drop"]),
    default="refuse",
    show_default=True,
    help="Items that have a probability of 0 somewhere.",
)
@click.option("--replace", is_flag=True, help="Put these rows in place of ones that disagree.")
@click.pass_obj
def caa(
    settings: Settings,
    /,
    path: Path,
    label: str | None,
    model: str | None,
    variant: str,
    scope: str,
    unfit_items: str,
    replace: bool,
) -> None:
    """Read a folder in the layout of nrimsky/CAA: results/ and, if there, datasets/test/.

    Files of two-option answers (type=ab) whose names say layer, multiplier, behaviour and model,
    and whose rows have a_prob and b_prob. All of it comes in, or nothing; twice changes nothing.

    \b
    steerhouse import caa ../CAA
    steerhouse import caa ../my-results --model my-model-7b --label my-vectors
    """  # noqa: D301
    from runners.console import say
    from runners.imports.caa import import_folder
    from runners.imports.caa_rows import Declared

    name = path.resolve().name if label is None else label
    if not name.strip() or not variant.strip():
        raise Refused("--label and --variant need a name; give one")
    declared = Declared(name, variant, scope)
    done = import_folder(
        path, settings.home, declared, model, drop=unfit_items == "drop", replace=replace
    )
    for note in done.notes:
        say(note)
    if done.measurements + done.unsteered:
        where = settings.home / "warehouse.duckdb"
        say(
            f"{name}: {done.measurements:,} measurements and {done.unsteered:,} unsteered answers "
            f"written to {where}"
        )
    home = "" if str(settings.home) == "data" else f" --home {settings.home}"
    say(f"next: steerhouse analyse steerability --experiment import-{name}{home}")
