"""One item as a model meets it: rendered prompt, tokens, and what happens at which position."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from specs.faults import Refused

if TYPE_CHECKING:
    from builders.dataset import BuiltDataset
    from runners.prompts.positions import Line, TokenisedItem
    from runners.prompts.tokenising import Speaks
    from specs.catalog import Catalog
    from specs.schema import Read, Variant
    from specs.settings import Settings

SCOPES = ("answer", "decision", "prompt", "all")
ITEM_ID = re.compile(r"[0-9a-f]{4,16}")
"""An item's id, or its first characters."""


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
    """Return the first test item of a concept, or the item whose id begins so; builds what lacks.

    Raises:
        Refused: no such concept, item or variant, or the dataset cannot be built.
    """
    name, item_id = _named(text, catalog, settings)
    concept, spec = catalog.get("concepts", name), catalog.get("variants", variant)
    from builders.build import build
    from runners.campaign.bench import SCORES

    dataset = build(concept, [spec], settings)
    item = _item(dataset, item_id)
    rows = dataset.variants[variant].rows.to_pylist()
    row = next(row for row in rows if row["item_id"] == item["item_id"])
    return Shown(concept.name, spec, item, row, SCORES[concept.answer_format] == "sequence")


def _named(text: str, catalog: Catalog, settings: Settings) -> tuple[str, str | None]:
    """Return the concept that `text` names, or the concept and id of the item that it begins."""
    if text in catalog.names("concepts"):
        return text, None
    found = _items_like(text, settings) if ITEM_ID.fullmatch(text) else {}
    if len(found) == 1:
        ((item_id, concept),) = found.items()
        return concept, item_id
    datasets = settings.home / "datasets"
    if found:
        some = ", ".join(list(found)[:4])
        raise Refused(
            f"{len(found)} items in {datasets} begin with {text} ({some}); say more of it"
        )
    if len(text) == 16 and ITEM_ID.fullmatch(text):
        raise Refused(
            f"no dataset in {datasets} holds an item {text}; build its concept first: steerhouse "
            "build NAME"
        )
    raise Refused(
        f"{catalog.unheard(text)}; the id of an item of a dataset in {datasets}, or its first 4 "
        "characters or more, is taken too"
    )


def _items_like(beginning: str, settings: Settings) -> dict[str, str]:
    """Return item_id -> the first built concept that holds it, of ids that begin so."""
    from builders.dataset import open_built

    found: dict[str, str] = {}
    for folder in sorted((settings.home / "datasets").glob("[!.]*/")):
        try:
            items = open_built(folder).items["item_id"].to_pylist()
        except Refused:
            continue  # a damaged folder of another concept is no answer here
        for item_id in items:
            if item_id.startswith(beginning):
                found.setdefault(item_id, folder.name)
    return found


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


def tokens(speaks: Speaks, item: TokenisedItem, read: Read = "answer_token") -> list[Token]:
    """Return prompt, shared answer tokens and the positive completion, then the negative one.

    Marks: `prompt-end`, the last prompt token; `decision`, whose next token decides; `read`, where
    activations are read at the read position `read` (over several tokens: their mean);
    `steered(SCOPE)`, positions that a scope steers.
    """
    stem = [*item.prompt, *item.shared]
    lines = item.lines
    return [
        *_tokens(speaks, stem, 0, lines[0], _read_of(item, 0, read)),
        *_tokens(speaks, item.positive, len(stem), lines[0], _read_of(item, 1, read), "positive"),
        *_tokens(speaks, item.negative, len(stem), lines[-1], _read_of(item, 2, read), "negative"),
    ]


def _read_of(item: TokenisedItem, part: int, read: Read) -> range:
    """Return the positions read in the stem (part 0), the positive or the negative completion."""
    stem = len(item.prompt) + len(item.shared)
    end = stem + len((item.positive, item.negative)[part - 1]) if part else stem
    start = {
        "answer_token": stem,
        "last_token": end - 1 if part else stem,
        "mean_completion": len(item.prompt),
        "mean_all": 0,
    }[read]
    return range(start, min(end, stem + 1) if read == "answer_token" else end)


def _tokens(
    speaks: Speaks, ids: Sequence[int], start: int, line: Line, read: range, *marks: str
) -> Iterator[Token]:
    """Yield tokens from position `start` on of what goes through the model as `line`."""
    pieces = speaks.tokenizer.convert_ids_to_tokens(list(ids))
    for index, (token, piece) in enumerate(zip(ids, pieces, strict=True), start):
        yield Token(index, token, str(piece), (*marks, *_marks(index, line, read)))


def _marks(index: int, line: Line, read: range) -> Iterator[str]:
    from runners.engine.resume import steered_positions

    item = line.item
    last, decision = len(item.prompt) - 1, item.decision
    if index == last:
        yield "prompt-end"
    if index == decision:
        yield "decision"
    if index in read:
        yield "read"
    for scope in SCOPES:
        if index in steered_positions(line, scope):
            yield f"steered({scope})"
