"""From rendered texts to token ids, and what in a text is read as a control token."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from itertools import takewhile
from typing import TYPE_CHECKING, Any

from runners.prompts.chat import chat_template
from specs.identity import canonical_json, sha256

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

    from specs.schema import Model


def encode(
    tokenizer: PreTrainedTokenizerBase, spec: Model, texts: Sequence[str]
) -> list[list[int]]:
    """Return the token ids of rendered texts, beginning with at most one BOS.

    A chat template writes its own special tokens, so nothing is added to it; `plain` gets what the
    tokenizer puts before a text, never what it puts behind. A text that already begins with BOS
    keeps one of the two.
    """
    if not texts:
        return []
    bare: list[list[int]] = _ids(tokenizer, list(texts), False)
    added = _added_before(tokenizer) if chat_template(tokenizer, spec) is None else []
    return [_one_bos([*added, *ids], tokenizer.bos_token_id) for ids in bare]


def encode_plain(tokenizer: PreTrainedTokenizerBase, texts: Sequence[str]) -> list[list[int]]:
    """Return the token ids of texts that are no prompts: of a chat model too without its template.

    What the tokenizer puts before a text stands there, at most one BOS; nothing stands behind.
    """
    added = _added_before(tokenizer)
    bare = _ids(tokenizer, list(texts), False) if texts else []
    return [_one_bos([*added, *ids], tokenizer.bos_token_id) for ids in bare]


def _ids(tokenizer: PreTrainedTokenizerBase, texts: list[str], special: bool) -> list[list[int]]:
    found: list[list[int]] = tokenizer(
        texts,
        add_special_tokens=special,
        return_attention_mask=False,
        return_token_type_ids=False,
        verbose=False,
    )["input_ids"]
    return found


def _added_before(tokenizer: PreTrainedTokenizerBase) -> list[int]:
    """Return the ids that the tokenizer puts before any text: BOS, or nothing."""
    (bare,), (whole,) = (_ids(tokenizer, ["a"], special) for special in (False, True))
    starts = range(len(whole) - len(bare) + 1)
    return whole[: next((n for n in starts if whole[n : n + len(bare)] == bare), 0)]


def _one_bos(ids: list[int], bos: int | None) -> list[int]:
    doubled = sum(1 for _ in takewhile(lambda token: token == bos, ids)) - 1
    return ids[max(doubled, 0) :]


def control_tokens(tokenizer: PreTrainedTokenizerBase, contents: Iterable[str]) -> list[str]:
    """Return the control tokens that stand as text in `contents`, sorted, e.g. `<|im_start|>`.

    The tokenizer reads them as control tokens, not as text. Control tokens are the special ones,
    and the added ones that the chat template writes.
    """
    template = tokenizer.chat_template if isinstance(tokenizer.chat_template, str) else ""
    added = tokenizer.added_tokens_decoder.values()
    controls = [token.content for token in added if token.special or token.content in template]
    if not controls:
        return []
    longest_first = sorted(controls, key=len, reverse=True)
    pattern = re.compile("|".join(map(re.escape, longest_first)))
    return sorted({found for content in contents for found in pattern.findall(content)})


def tokenizer_sha256(tokenizer: Any) -> str:
    """Return a fingerprint of how a tokenizer makes tokens: merges and rules, else its words.

    Padding and truncation are left out: a call may set them, and no token changes.
    """
    backend = getattr(tokenizer, "backend_tokenizer", None)
    rules = json.loads(backend.to_str()) if backend is not None else tokenizer.get_vocab()
    kept = {key: rule for key, rule in rules.items() if key not in ("padding", "truncation")}
    return sha256(canonical_json(kept))
