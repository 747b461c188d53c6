"""Plain texts as token ids: no template, no completions, behind what the tokenizer puts before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from runners.prompts.encoding import encode_plain
from runners.prompts.positions import TokenisedItem, Unfit

if TYPE_CHECKING:
    from runners.prompts.tokenising import Speaks
    from specs.schema import Read


def plain_texts(speaks: Speaks, texts: Mapping[str, str]) -> list[TokenisedItem | Unfit]:
    """Return each of name -> text as token ids, in order, or why a model cannot read it.

    What the tokenizer puts before a text (BOS, or nothing) stands as the prompt, the text itself as
    the positive completion.
    """
    before, *encoded = encode_plain(speaks.tokenizer, ["", *texts.values()])
    found: list[TokenisedItem | Unfit] = []
    for (name, text), tokens in zip(texts.items(), encoded, strict=True):
        if reason := _why_unfit(speaks, tokens, len(before)):
            found.append(Unfit(name, reason))
            continue
        own, ahead = tuple(tokens[len(before) :]), tuple(before)
        found.append(TokenisedItem(name, text, ahead, (), own, (), sequence=True))
    return found


def read_positions(text: TokenisedItem, read: Read) -> range:
    """Return the positions of a plain text that a read position takes, several by their mean."""
    before, end = len(text.prompt), len(text.prompt) + len(text.positive)
    starts = {"last_token": end - 1, "mean_completion": before, "mean_all": 0}
    return range(starts[read], end)


def encoded_from(text: TokenisedItem, read: Read, bos: int | None) -> int:
    """Return the first position of a plain text that is encoded where features are averaged.

    `mean_completion` begins with the text's own tokens, `mean_all` behind the BOS that the
    tokenizer puts before: autoencoders are not trained on it (Lieberum et al. 2024).
    """
    if read == "mean_completion":
        return len(text.prompt)
    return int(text.prompt[:1] == (bos,))


def _why_unfit(speaks: Speaks, tokens: Sequence[int], before: int) -> str | None:
    if len(tokens) <= before:
        return "no token: the tokenizer leaves nothing of the text"
    if len(tokens) > speaks.context:
        return f"beyond the context: {len(tokens)} tokens, the model holds {speaks.context}"
    if (largest := max(tokens)) >= speaks.vocabulary:
        return f"unknown token: id {largest}, the model has {speaks.vocabulary} embeddings"
    return None
