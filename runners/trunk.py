"""The two calls of the fast sweep: the prompt once, then its last tokens with many chains."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from transformers import DynamicCache

from runners.architecture import parts
from runners.hooks import Growth
from runners.masks import Stem
from specs.faults import Refused

if TYPE_CHECKING:
    from runners.load import LoadedModel
    from runners.positions import TokenisedItem


@dataclass(frozen=True)
class Trunk:
    """The part of each prompt that no chain changes, left-padded to P slots, and its cache."""

    cache: DynamicCache
    attended: Tensor
    """int64 [B, P]: 1 where a slot holds a token."""
    hidden: Tensor
    """[B, P, d_model], after the final norm."""


def split(items: Sequence[TokenisedItem], stem: int) -> tuple[list[list[int]], list[list[int]]]:
    """Return the tokens before the last `stem` tokens of each prompt and shared prefix, and those.

    Raises:
        Refused: nothing would be left before the stem.
    """
    whole = [[*item.prompt, *item.shared] for item in items]
    for item, tokens in zip(items, whole, strict=True):
        if len(tokens) <= stem:
            raise Refused(
                f"item {item.item_id}: its prompt is one token long, and the sweep needs at least "
                "one before the steered ones; give the question more text"
            )
    return [tokens[:-stem] for tokens in whole], [tokens[-stem:] for tokens in whole]


def prefill(loaded: LoadedModel, tokens: Sequence[Sequence[int]]) -> Trunk:
    """Run the trunks through the decoder once.

    Padding is on the left: sliding windows count slots, so padding on the right would be wrong
    (research/fast-sweep.md 3).
    """
    model = loaded.model.eval()
    longest = max(map(len, tokens))
    padded = [[0] * (longest - len(row)) + list(row) for row in tokens]
    attended = [[0] * (longest - len(row)) + [1] * len(row) for row in tokens]
    ids = torch.tensor(padded, device=loaded.device)
    ok = torch.tensor(attended, device=loaded.device)
    cache = DynamicCache(config=model.config.get_text_config())
    output = parts(model).decoder(
        input_ids=ids,
        attention_mask=ok,
        position_ids=(ok.cumsum(1) - 1).clamp(min=0),
        past_key_values=cache,
        use_cache=True,
    )
    return Trunk(cache, ok, output.last_hidden_state)


def grow(
    loaded: LoadedModel,
    trunk: Trunk,
    tokens: Sequence[Sequence[int]],
    stem: Stem,
    births: Mapping[int, Tensor],
) -> Tensor:
    """Run the stems [B][R] over `trunk`, which can be used again, and return every chain.

    The result is [B, chains, R, d_model] after the final norm: the unsteered chain, then the rows
    of `births` (layer -> float32 [n, d_model], added to all R tokens after that block) by layer.
    """
    found = parts(loaded.model)
    cache, ok = _fork(trunk.cache), trunk.attended
    depth = torch.tensor(stem.depth, device=loaded.device)
    growth = Growth(stem, births, cache)
    ids = torch.tensor(tokens, device=loaded.device)
    with growth.attached(found.blocks):
        output = found.decoder(
            input_ids=ids,
            attention_mask=torch.cat([ok, torch.ones_like(ids)], 1),
            position_ids=ok.sum(1)[:, None] + depth,
            past_key_values=cache,
            use_cache=True,
        )
    hidden: Tensor = output.last_hidden_state
    # Some decoders view their output back to the input's length: the rows are all there.
    return hidden.reshape(len(tokens), growth.copies, len(stem.parents), -1)


def _fork(cache: DynamicCache) -> DynamicCache:
    """Return a cache that grows on its own: layers rebind their tensors and never write to them."""
    forked = copy.copy(cache)
    forked.layers = [copy.copy(layer) for layer in cache.layers]
    return forked
