"""One item as a model meets it: rendered prompt, tokens, and what happens at which position."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from specs.faults import Refused

if TYPE_CHECKING:
    from builders.dataset import BuiltDataset
    from runners.prompts.positions import Line, Speaks, TokenisedItem
    from specs.catalog import Catalog
    from specs.schema import Variant
    from specs.settings import Settings

SCOPES = ("answer", "decision", "prompt", "all")
ITEM_ID = re.compile(r"[0-9a-f]{16}")


@dataclass(frozen=True)
class Shown:
    """An item of a built dataset under one variant."""

    concept: str
    variant: Variant
    item: dict[str, Any]
    """Its row of `items`."""
    row: dict[str, Any]
    """Its row of the variant."""
    sequence: bool
    """Whether all tokens of its completions are scored."""


class Token(NamedTuple):
    """One token of an item; `marks` name what is done at its position."""

    position: int
    token_id: int
    piece: str
    marks: tuple[str, ...]


def find(text: str, variant: str, catalog: Catalog, settings: Settings) -> Shown:
    """Return the first test item of a concept, or the item of that id; builds what is missing.

    Raises:
        Refused: no such concept, item or variant, or the dataset cannot be built.
    """
    if text in catalog.names("concepts") or not ITEM_ID.fullmatch(text):
        concept = catalog.get("concepts", text)
        item_id = None
    else:
        concept = catalog.get("concepts", _concept_with(text, settings))
        item_id = text
    spec = catalog.get("variants", variant)
    from builders.build import build
    from runners.campaign.bench import SCORES

    dataset = build(concept, [spec], settings)
    item = _item(dataset, item_id)
    rows = dataset.variants[variant].rows.to_pylist()
    row = next(row for row in rows if row["item_id"] == item["item_id"])
    return Shown(concept.name, spec, item, row, SCORES[concept.answer_format] == "sequence")


def _concept_with(item_id: str, settings: Settings) -> str:
    from builders.dataset import open_built

    for folder in sorted((settings.home / "datasets").glob("[!.]*/")):
        try:
            items = open_built(folder).items["item_id"].to_pylist()
        except Refused:
            continue  # a damaged folder of another concept is no answer here
        if item_id in items:
            return folder.name
    raise Refused(
        f"no dataset in {settings.home / 'datasets'} holds an item {item_id}; build its concept "
        "first: steerhouse build NAME"
    )


def _item(dataset: BuiltDataset, item_id: str | None) -> dict[str, Any]:
    items: list[dict[str, Any]] = dataset.items.to_pylist()
    if item_id is None:
        return next((item for item in items if item["split"] == "test"), items[0])
    found = next((item for item in items if item["item_id"] == item_id), None)
    if found is None:
        raise Refused(
            f"item {item_id}: no longer in the dataset of concept {dataset.name}, whose spec has "
            "changed"
        )
    return found


def heading(shown: Shown) -> str:
    """Return one line that names the item."""
    item = shown.item
    return (
        f"item {item['item_id']} · {shown.concept} · {shown.variant.name} · {item['split']} · "
        f"option order {item['option_order']}"
    )


def messages_text(shown: Shown) -> str:
    """Return what a variant says, before any model's template."""
    spoken = [f"[{message['role']}]\n{message['content']}" for message in shown.row["messages"]]
    return "\n\n".join(spoken)


def answers(shown: Shown) -> tuple[str, str]:
    """Return the positive and the negative completion."""
    row = shown.row
    return row["answer_prefix"] + row["positive"], row["answer_prefix"] + row["negative"]


def prompt_text(shown: Shown, speaks: Speaks) -> str:
    """Return the prompt as the model's template renders it."""
    from runners.prompts.chat import prompts

    return prompts(speaks.tokenizer, speaks.spec, [shown.row["messages"]])[0]


def tokens(speaks: Speaks, item: TokenisedItem) -> list[Token]:
    """Return prompt, shared answer tokens and the positive completion, then the negative one.

    Marks: `prompt-end`, the last prompt token; `decision`, whose next token decides; `read`, where
    activations are read; `steered(SCOPE)`, positions that a scope steers.
    """
    stem = [*item.prompt, *item.shared]
    lines = item.lines
    return [
        *_tokens(speaks, stem, 0, lines[0]),
        *_tokens(speaks, item.positive, len(stem), lines[0], "positive"),
        *_tokens(speaks, item.negative, len(stem), lines[-1], "negative"),
    ]


def _tokens(
    speaks: Speaks, ids: Sequence[int], start: int, line: Line, *marks: str
) -> Iterator[Token]:
    """Yield tokens from position `start` on of what goes through the model as `line`."""
    pieces = speaks.tokenizer.convert_ids_to_tokens(list(ids))
    for index, (token, piece) in enumerate(zip(ids, pieces, strict=True), start):
        yield Token(index, token, str(piece), (*marks, *_marks(index, line)))


def _marks(index: int, line: Line) -> Iterator[str]:
    from runners.engine.resume import steered_positions

    item = line.item
    last, decision = len(item.prompt) - 1, item.decision
    if index == last:
        yield "prompt-end"
    if index == decision:
        yield "decision"
    if index == decision + 1:
        yield "read"
    for scope in SCOPES:
        if index in steered_positions(line, scope):
            yield f"steered({scope})"
