"""Residual streams of whole texts at some layers, read by plain hooks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

    from runners.models.load import LoadedModel


def activations(
    loaded: LoadedModel,
    layers: Sequence[int],
    texts: Iterable[tuple[int, ...]],
    with_first: bool = False,
) -> Iterator[dict[int, Tensor]]:
    """Yield, for each text, layer -> the block's output at its tokens, float32 [tokens, d_model].

    The token that the tokenizer puts before every text is left out: its activations are many times
    as long as those of any other, and autoencoders are not trained on them (Lieberum et al. 2024).
    `with_first` keeps it.
    """
    import torch

    from runners.engine.hooks import residual
    from runners.models.architecture import parts

    found = parts(loaded.model)
    heard: dict[int, Tensor] = {}

    def reading(layer: int) -> Callable[..., None]:
        return lambda _module, _arguments, output: heard.update({layer: residual(output)})

    with ExitStack() as stack:
        for layer in layers:
            hook = found.blocks[layer].register_forward_hook(reading(layer))
            stack.callback(hook.remove)
        for tokens in texts:
            with torch.inference_mode():
                ids = torch.tensor([tokens], device=loaded.device)
                found.decoder(input_ids=ids, use_cache=False)
            first = int(tokens[0] == loaded.tokenizer.bos_token_id and not with_first)
            yield {layer: hidden[0, first:].float().clone() for layer, hidden in heard.items()}
