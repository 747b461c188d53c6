"""A text set as one model reads it: token ids, and the id of the evaluation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from runners.campaign.ids import text_evaluation_id
from runners.prompts.encoding import encode_plain
from runners.prompts.positions import TokenisedItem
from specs.faults import Refused

if TYPE_CHECKING:
    from builders.text_sets import ReadTextSet
    from runners.models.load import LoadedModel


@dataclass(frozen=True)
class TokenisedTexts:
    """The texts of a set as token ids; a text stands as an item's prompt without completions."""

    read: ReadTextSet
    evaluation_id: str
    parameters: dict[str, Any]
    """What of the spec a number depends on beside the texts themselves."""
    texts: list[TokenisedItem]
    """In the order of the set; item_id is the text_id."""
    n_cut: int
    """Texts that are longer than what is read of them."""


def tokenise_texts(loaded: LoadedModel, read: ReadTextSet) -> TokenisedTexts:
    """Return the first `max_tokens` tokens of every text, fewer where the context is shorter.

    Raises:
        Refused: a text of a single token, none of which can be told by one before it.
    """
    most = min(read.spec.max_tokens, loaded.context)
    found, n_cut = [], 0
    tokenised = encode_plain(loaded.tokenizer, list(read.texts.values()))
    for (text_id, text), tokens in zip(read.texts.items(), tokenised, strict=True):
        if len(tokens) < 2:
            raise Refused(
                f"text set {read.spec.name}: {text!r} is a single token of model "
                f"{loaded.spec.name}, which nothing stands before; take it out"
            )
        n_cut += len(tokens) > most
        found.append(TokenisedItem(text_id, text, tuple(tokens[:most]), (), (), ()))
    parameters = {"max_tokens": read.spec.max_tokens}
    identity = text_evaluation_id(loaded.model_id, read.text_set_id, parameters)
    return TokenisedTexts(read, identity, parameters, found, n_cut)
