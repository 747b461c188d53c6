"""From rows to token ids: where an answer begins is found from ids, never by a fixed offset."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from runners.prompts import own_system
from runners.prompts.chat import Message, prompts, separator
from runners.prompts.encoding import encode
from runners.prompts.positions import TokenisedItem, Unfit
from specs.faults import Refused

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

    from specs.schema import Model, Variant

ROWS = 2048
"""Rows tokenised at once: what lists of ids cost on the way is bounded by it, not by the items."""
_known: dict[int, int] = {}
"""One object for each token id, whatever item it stands in."""


class Speaks(Protocol):
    """What tokenising needs of a model; both `LoadedModel` and `Speaker` have it."""

    @property
    def spec(self) -> Model: ...
    @property
    def tokenizer(self) -> PreTrainedTokenizerBase: ...
    @property
    def context(self) -> int: ...
    @property
    def vocabulary(self) -> int: ...


class _Encoded(NamedTuple):
    prompt: list[int]
    positive: list[int]
    negative: list[int]


def tokenise(
    speaks: Speaks,
    messages: Sequence[Message],
    answer_prefix: str,
    positive: str,
    negative: str,
    item_id: str = "",
    sequence: bool = False,
) -> TokenisedItem | Unfit:
    """Return one item as token ids, or why it cannot be measured."""
    row = {
        "item_id": item_id,
        "messages": messages,
        "answer_prefix": answer_prefix,
        "positive": positive,
        "negative": negative,
    }
    return _tokenise(speaks, [row], sequence)[0]


def tokenise_rows(
    speaks: Speaks, rows: Any, variant: Variant | None = None, sequence: bool = False
) -> list[TokenisedItem | Unfit]:
    """Return every row of a built variant (pa.Table) as token ids, in order.

    `sequence` says that completions are scored by all their tokens (answer format `text`).

    Prompt and completion are tokenised as one string, so that merges across the border are as the
    model knows them.

    Raises:
        Refused: the model's template cannot show `variant` as it is meant (`own_system.fault`), or
            does not take such messages.
    """
    if variant is not None:
        fault = own_system.fault(speaks.tokenizer, speaks.spec, variant.system is not None)
        if fault:
            raise Refused(f"variant {variant.name}: {fault}")
    found: list[TokenisedItem | Unfit] = []
    for start in range(0, rows.num_rows, ROWS):
        found += _tokenise(speaks, rows.slice(start, ROWS).to_pylist(), sequence)
    return found


def _tokenise(
    speaks: Speaks, rows: Sequence[dict[str, Any]], sequence: bool
) -> list[TokenisedItem | Unfit]:
    texts = prompts(speaks.tokenizer, speaks.spec, [row["messages"] for row in rows])
    space = separator(speaks.spec)
    begun = [text + space + row["answer_prefix"] for text, row in zip(texts, rows, strict=True)]
    encoded = zip(
        encode(speaks.tokenizer, speaks.spec, texts),
        encode(
            speaks.tokenizer,
            speaks.spec,
            [b + row["positive"] for b, row in zip(begun, rows, strict=True)],
        ),
        encode(
            speaks.tokenizer,
            speaks.spec,
            [b + row["negative"] for b, row in zip(begun, rows, strict=True)],
        ),
        strict=True,
    )
    return [
        _place(speaks, row, text, _Encoded(*ids), sequence)
        for row, text, ids in zip(rows, texts, encoded, strict=True)
    ]


def _place(
    speaks: Speaks, row: dict[str, Any], text: str, encoded: _Encoded, sequence: bool
) -> TokenisedItem | Unfit:
    common = _common(encoded.positive, encoded.negative)
    prompt = _common(encoded.prompt, common)
    item = TokenisedItem(
        row["item_id"],
        text,
        _ids(prompt),
        _ids(common[len(prompt) :]),
        _ids(encoded.positive[len(common) :]),
        _ids(encoded.negative[len(common) :]),
        sequence,
    )
    reason = _why_unfit(speaks, item, row)
    return Unfit(item.item_id, reason) if reason else item


def _ids(tokens: Sequence[int]) -> tuple[int, ...]:
    """Return token ids that share their objects with equal ones: 8 bytes each instead of 36."""
    return tuple(map(_known.setdefault, tokens, tokens))


def _why_unfit(speaks: Speaks, item: TokenisedItem, row: dict[str, Any]) -> str | None:
    answers = [repr(row["answer_prefix"] + row[which]) for which in ("positive", "negative")]
    if not item.positive and not item.negative:
        return f"no decision position: {' and '.join(answers)} are the same tokens"
    if not item.positive or not item.negative:
        short, long = answers if not item.positive else reversed(answers)
        return f"no decision position: the tokens of {short} begin those of {long}"
    if len(item.prompt) < 2:
        return f"empty prompt: {len(item.prompt)} token(s) before the answer, steering needs 2"
    answer = len(item.shared) + max(len(item.positive), len(item.negative))
    length = len(item.prompt) + answer
    if length > speaks.context:
        return f"beyond the context: {length} tokens, the model holds {speaks.context}"
    largest = max((*item.prompt, *item.shared, *item.positive, *item.negative))
    if largest >= speaks.vocabulary:
        return f"unknown token: id {largest}, the model has {speaks.vocabulary} embeddings"
    return None


def _common(one: Sequence[int], other: Sequence[int]) -> list[int]:
    """Return the longest common beginning."""
    pairs = zip(one, other, strict=False)
    return [token for token, _ in takewhile(lambda pair: pair[0] == pair[1], pairs)]
