"""The verb `doctor`."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from runners.models.doctor import Fact
    from specs.schema import Model
    from specs.settings import Settings


@click.command()
@click.option("--model", help="Model spec, folder or Hub id: can it be steered, and how.")
@click.option("--load", "weights", is_flag=True, help="Load the model, and check a small sweep.")
@click.option("--sae", help="SAE spec: load the model, and say how well it fits.")
@click.option("--online", is_flag=True, help="Ask the Hub too, and fetch what is not here.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_obj
def doctor(
    settings: Settings,
    /,
    model: str | None,
    weights: bool,
    sae: str | None,
    online: bool,
    as_json: bool,
) -> None:
    """Say what is here: versions, devices, memory, extras, home; with --model how it is served.

    A model is examined without its weights, from its configuration and tokenizer: its family, by
    which way each scope is measured or why it is refused, its chat template, the memory it takes.
    --load loads it and compares a small sweep with the reference path. Exit code 1 where the model
    cannot be used. --sae says how much of the model's activations a sparse autoencoder explains.

    \b
    steerhouse doctor
    steerhouse doctor --model reference --load
    steerhouse doctor --model gemma-2-2b --sae gemma-2-2b-l12-16k
    """  # noqa: D301 (click's own mark, not an escape)
    from runners.models.doctor import machine
    from specs.faults import Refused

    if model is None and (weights or sae):
        option = "--load" if weights else "--sae"
        raise click.UsageError(f"{option} needs --model: say which model to load")
    spec = _spec(model, settings) if model is not None else None
    facts, faults = list(machine(settings, online)), []
    if spec is not None:
        from runners.models.doctor_model import examine

        found = examine(spec, settings, weights, online)
        facts, faults = [*facts, *found.facts], found.faults
    if spec is not None and sae is not None and not faults:
        from runners.saes import doctor as saes
        from specs.catalog import open as open_catalog

        found = saes.examine(sae, spec, open_catalog(settings), settings)
        facts, faults = [*facts, *found.facts], found.faults
    _print(facts, faults, as_json)
    if faults:
        raise Refused(*faults)


def _spec(model: str, settings: Settings) -> Model:
    from runners.models.model_argument import model_from_argument
    from specs.catalog import open as open_catalog

    return model_from_argument(model, open_catalog(settings))


def _print(facts: list[Fact], faults: list[str], as_json: bool) -> None:
    """Print facts as JSON, as a table on a terminal, or a line each with tabs between."""
    import json
    import sys

    sections = {
        section: {fact.name: fact.value for fact in some}
        for section, some in groupby(facts, key=lambda fact: fact.section)
    }
    if as_json:
        whole = {**sections, "faults": faults}
        click.echo(json.dumps(whole, indent=2, ensure_ascii=False))
    elif sys.stdout.isatty():
        _table(facts)
    else:
        for fact in facts:
            click.echo("\t".join(fact))


def _table(facts: list[Fact]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table("", "", "", box=None, show_header=False)
    before = ""
    for fact in facts:
        section = "" if fact.section == before else fact.section
        table.add_row(Text(section, style="bold"), Text(fact.name), Text(fact.value))
        before = fact.section
    Console().print(table)
