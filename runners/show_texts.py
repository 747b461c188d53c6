"""What `show` prints of a concept of kind texts: its texts, and how a model reads them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from runners.prompts.positions import TokenisedItem
    from runners.prompts.show import Token
    from runners.prompts.speaker import Speaker
    from specs.schema import Model, Read, Spec, TextsConcept
    from specs.settings import Settings


def show_texts(
    concept: TextsConcept,
    model: Model | None,
    read: Read,
    settings: Settings,
    method: Spec | None = None,
) -> None:
    """Print every text with its side; with a model the tokens of the first text of either side.

    Marks: `before`, what the tokenizer puts before a text; `read`, where activations are read,
    or features by a `method` of an autoencoder, which leaves BOS out.

    Raises:
        Refused: the texts or the model cannot be read, or nothing is read there of a text.
    """
    from builders.texts import text_rows

    rows = text_rows(concept)
    n_positive = sum(row["positive"] for row in rows)
    click.echo(f"{concept.name} · texts · {n_positive} positive, {len(rows) - n_positive} negative")
    for row in rows:
        click.echo(f"{'+' if row['positive'] else '-'} {row['text']}")
    if model is None:
        return
    first = {("-", "+")[row["positive"]]: row["text"] for row in reversed(rows)}
    _as_model(model, {side: first[side] for side in "+-"}, read, settings, method)


def _as_model(
    model: Model, texts: dict[str, str], read: Read, settings: Settings, method: Spec | None
) -> None:
    from runners.prompts.plain_texts import plain_texts
    from runners.prompts.positions import Unfit
    from runners.prompts.speaker import speaker
    from runners.show_command import print_tokens
    from specs.faults import Refused

    if read == "answer_token":
        raise Refused("texts answer nothing: name a method that reads mean_all or last_token")
    speaks = speaker(model, settings)
    for text in plain_texts(speaks, texts):
        if isinstance(text, Unfit):
            raise Refused(f"text {texts[text.item_id]!r} on model {model.name}: {text.reason}")
        click.echo(f"\n{text.item_id} {text.text}")
        print_tokens(list(_tokens(speaks, text, _there(speaks, text, read, method))))


def _there(speaks: Speaker, text: TokenisedItem, read: Read, method: Spec | None) -> Sequence[int]:
    """Return the positions that a method reads."""
    from runners.prompts.plain_texts import encoded_from, read_positions
    from specs.schema import SaeFitted

    there = read_positions(text, read)
    if not isinstance(method, SaeFitted):
        return there
    first = encoded_from(text, read, speaks.tokenizer.bos_token_id)
    return [position for position in there if position >= first]


def _tokens(speaks: Speaker, text: TokenisedItem, there: Sequence[int]) -> Iterator[Token]:
    from runners.prompts.show import Token

    ids = [*text.prompt, *text.positive]
    pieces = speaks.tokenizer.convert_ids_to_tokens(ids)
    for position, (token, piece) in enumerate(zip(ids, pieces, strict=True)):
        said = {"before": position < len(text.prompt), "read": position in there}
        marks = tuple(mark for mark, holds in said.items() if holds)
        yield Token(position, token, str(piece), marks)
