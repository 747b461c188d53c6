"""The two calls of the fast sweep: the prompt once, then its last tokens with many chains."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from transformers import DynamicCache

from runners.architecture import parts
from runners.hooks import Growth
from runners.masks import Stem
from runners.prefix import begin, extend, fork
from specs.faults import Refused

if TYPE_CHECKING:
    from runners.load import LoadedModel
    from runners.positions import TokenisedItem


@dataclass(frozen=True)
class Trunk:
    """The part of each prompt that no chain changes, in P slots, and its cache.

    First the tokens that all prompts have in common, then the others, left-padded.
    """

    cache: DynamicCache
    attended: Tensor
    """int64 [B, P]: 1 where a slot holds a token."""
    hidden: Tensor
    """[B, apart, d_model], after the final norm: the last tokens of each trunk."""


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


def prefill(loaded: LoadedModel, tokens: Sequence[Sequence[int]], apart: int = 1) -> Trunk:
    """Run the trunks through the decoder once, and what they all begin with only once.

    `apart` is how many last tokens of each trunk are to be had as hidden states.
    """
    common, cache = begin(loaded, tokens, apart)
    attended, hidden = extend(loaded, [row[common:] for row in tokens], common, cache)
    return Trunk(cache, attended, hidden[:, -apart:])


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
    cache, ok = fork(trunk.cache), trunk.attended
    depth = torch.tensor(stem.depth, device=loaded.device)
    growth = Growth(stem, births, cache)
    ids = torch.tensor(tokens, device=loaded.device)
    with growth.attached(found.blocks), _forgetting(found.blocks, cache, trunk.cache):
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


@contextmanager
def _forgetting(
    blocks: Iterable[nn.Module], grown: DynamicCache, cache: DynamicCache
) -> Iterator[None]:
    """Let go of what a layer of `grown` holds beyond `cache` once its block is through.

    Nothing reads it again, and over all layers it would be a second cache.
    """

    def hook(layer: int) -> Callable[..., None]:
        def forget(*_: object) -> None:
            grown.layers[layer] = cache.layers[layer]

        return forget

    with ExitStack() as stack:
        for layer, block in enumerate(blocks):
            stack.callback(block.register_forward_hook(hook(layer)).remove)
        yield
