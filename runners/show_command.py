"""The verb `show`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

if TYPE_CHECKING:
    from runners.prompts.show import Shown, Token
    from runners.prompts.speaker import Speaker
    from specs.catalog import Catalog
    from specs.schema import Model, Read
    from specs.settings import Settings


@click.command()
@click.argument("words", nargs=-1, required=True, metavar="[KIND] NAME|ITEM_ID|ID_PREFIX")
@click.option("--variant", default="base", show_default=True, help="What is put around the item.")
@click.option("--model", help="Model spec, folder or Hub id: show its own prompt and tokens.")
@click.option("--method", help="With --model: mark where this method reads activations.")
@click.pass_obj
def show(
    settings: Settings,
    words: tuple[str, ...],
    variant: str,
    model: str | None,
    method: str | None,
) -> None:
    """Print the prompt of an item, and with --model every token with what is done there.

    The NAME of a method, model, variant, text set or experiment prints its YAML and where it
    stands; KIND, a word of `steerhouse list`, says which where two kinds share a name.

    The item is the first test item of the concept NAME, or the one whose id is ITEM_ID, or begins
    with ID_PREFIX (4 characters or more), in a dataset that is built. Tokens are marked prompt-end
    (the last one of the prompt), decision (whose next token is the first in which the two answers
    differ), read (where activations are read for fitting, by --method or at answer_token; of
    several tokens the mean) and steered(SCOPE). Of a concept of kind texts all texts are printed,
    and the tokens of the first one of either side.

    \b
    steerhouse show kind
    steerhouse show kind --variant system_negative --model reference
    steerhouse show 3f2a --model reference --method mean_difference
    steerhouse show methods lda
    """  # noqa: D301 - click wants the character
    from runners.models.model_argument import model_from_argument
    from runners.prompts.show import answers, find, heading, messages_text
    from runners.show_texts import show_texts
    from runners.shown_spec import CONCEPTS, spec_text
    from specs.catalog import open as open_catalog
    from specs.schema import TextsConcept

    if method is not None and model is None:
        raise click.UsageError("--method needs --model: which tokens are read depends on both")
    catalog = open_catalog(settings)
    kind, text = _asked(words, catalog)
    if kind not in (None, CONCEPTS):
        _refuse_options(kind)
        click.echo(spec_text(kind, text, catalog))
        return
    spec = model_from_argument(model, catalog) if model is not None else None
    if text in catalog.names("concepts"):
        concept = catalog.get("concepts", text)
        if isinstance(concept, TextsConcept):
            read = _read(method, catalog) if method is not None else "mean_all"
            own = catalog.get("methods", method) if method is not None else None
            show_texts(concept, spec, read, settings, own)
            return
    read = _read(method, catalog) if method is not None else "answer_token"
    shown = find(text, variant, catalog, settings)
    positive, negative = answers(shown)
    click.echo(heading(shown))
    click.echo(f"positive {positive!r} · negative {negative!r}\n")
    if spec is None:
        click.echo(messages_text(shown))
    else:
        _as_model(spec, shown, read, settings)


def _asked(words: tuple[str, ...], catalog: Catalog) -> tuple[str | None, str]:
    """Return kind and name of what is asked for; the kind is None where only an item may be meant.

    Raises:
        Refused: several kinds have the name.
    """
    from runners.shown_spec import kind_of
    from specs.commands import KINDS

    if len(words) == 1:
        return kind_of(words[0], catalog), words[0]
    kind = next((kind for kind in KINDS if words[0] in (kind, kind[:-1])), None)
    if kind is None or len(words) > 2:
        raise click.UsageError(
            f"name one spec or item, behind its kind ({', '.join(KINDS)}) or alone"
        )
    catalog.get(kind, words[1])
    return kind, words[1]


def _refuse_options(kind: str | None) -> None:
    """Refuse options that are about an item, given for a spec that has none."""
    context = click.get_current_context()
    given = [
        name
        for name in ("variant", "model", "method")
        if context.get_parameter_source(name) is ParameterSource.COMMANDLINE
    ]
    if given:
        raise click.UsageError(f"--{given[0]} goes with a concept or an item, not with {kind}")


def _read(name: str, catalog: Catalog) -> Read:
    """Return where a method reads activations."""
    from specs.faults import Refused
    from specs.schema import FittedMethod

    method = catalog.get("methods", name)
    if isinstance(method, FittedMethod):
        return method.read
    raise Refused(f"--method {name}: is not fitted, and reads no activations; name one that is")


def _as_model(spec: Model, shown: Shown, read: Read, settings: Settings) -> None:
    """Print prompt and tokens of one model; what `run` would refuse is printed, then raised."""
    from runners.prompts.own_system import fault
    from runners.prompts.positions import TokenisedItem
    from runners.prompts.show import prompt_text, tokens
    from runners.prompts.speaker import speaker
    from runners.prompts.tokenising import tokenise
    from specs.faults import Refused

    speaks = speaker(spec, settings)
    mismatch = fault(speaks.tokenizer, speaks.spec, shown.variant.system is not None)
    refusals = [f"variant {shown.variant.name}: {mismatch}"] if mismatch else []
    try:
        click.echo(prompt_text(shown, speaks) + "\n")
    except Refused as refused:
        raise Refused(*(refusals or refused.faults)) from None
    row = shown.row
    answer = row["answer_prefix"], row["positive"], row["negative"]
    found = tokenise(speaks, row["messages"], *answer, sequence=shown.sequence)
    if isinstance(found, TokenisedItem):
        print_tokens(tokens(speaks, found, read))
    else:
        refusals.append(f"item {row['item_id']} on model {speaks.spec.name}: {found.reason}")
    _warn_of_control_tokens(shown, speaks)
    if refusals:
        raise Refused(*refusals)


def _warn_of_control_tokens(shown: Shown, speaks: Speaker) -> None:
    from runners.prompts.encoding import control_tokens

    contents = [message["content"] for message in shown.row["messages"]]
    for token in control_tokens(speaks.tokenizer, contents):
        click.echo(f"Warning: {token} in the text is read as a control token", err=True)


def print_tokens(tokens: list[Token]) -> None:
    """Print one token a line; on a terminal as a table with the marked ones in bold."""
    import sys

    if sys.stdout.isatty():
        _table(tokens)
        return
    for token in tokens:
        click.echo(
            "\t".join([str(token.position), str(token.token_id), repr(token.piece), *token.marks])
        )


def _table(tokens: list[Token]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table("position", "token id", "piece", "marks", box=None)
    for token in tokens:
        everywhere = {"steered(prompt)", "steered(all)"}
        style = "bold" if {*token.marks} - everywhere else "dim"
        cells = [str(token.position), str(token.token_id), repr(token.piece), " ".join(token.marks)]
        table.add_row(*(Text(cell, style=style) for cell in cells))
    Console().print(table)
