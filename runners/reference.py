"""The slow path: one item, one multiplier, one whole forward pass. It exists to be trusted."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor

from runners.answers import Head
from runners.architecture import parts

if TYPE_CHECKING:
    from runners.load import LoadedModel
    from runners.positions import TokenisedItem


class Answer(NamedTuple):
    """`runners.answers.Answers` of one item, with the log-probability of the shared prefix."""

    logit_diff: float
    answer_logmass: float
    prefix_logprob: float
    """Sum of log p of the shared tokens; nan where the pass was steered: it is an unsteered one."""
    largest: float


def measure(
    loaded: LoadedModel,
    item: TokenisedItem,
    scope: str,
    layer: int | None = None,
    delta: Tensor | None = None,
) -> Answer:
    """Return the answer of one forward pass over the whole prompt, without cache or padding.

    `delta`, float32 [d_model], is added to the output of block `layer` at the positions of `scope`:
    `answer` from the last prompt token on, `decision` at the decision position, `prompt` up to the
    last prompt token, `all` everywhere.
    """
    start = {"decision": item.decision, "answer": len(item.prompt) - 1}.get(scope, 0)
    end = len(item.prompt) if scope == "prompt" else item.decision + 1
    with torch.inference_mode(), _steering(loaded, layer, delta, slice(start, end)):
        scores = _logits(loaded, [*item.prompt, *item.shared], 1 + len(item.shared))
    logprobs = scores.log_softmax(-1)
    positive, negative = (float(scores[-1, ids[0]]) for ids in (item.positive, item.negative))
    masses = logprobs[-1, [item.positive[0], item.negative[0]]]
    prefix = sum(float(logprobs[row, token]) for row, token in enumerate(item.shared))
    return Answer(
        positive - negative,
        float(masses.logsumexp(0)),
        prefix + 0.0 if layer is None else math.nan,
        max(abs(positive), abs(negative)),
    )


def reference_activations(loaded: LoadedModel, item: TokenisedItem) -> tuple[Tensor, Tensor]:
    """Return what `runners.extraction` reads of one item, one pass per completion.

    The output of every block at the first token in which the completions differ, positive and
    negative, each float32 [layers, d_model] on the CPU.
    """
    both = (
        torch.stack(_block_outputs(loaded, [*item.prompt, *item.shared, completion[0]]))
        for completion in (item.positive, item.negative)
    )
    positive, negative = both
    return positive, negative


def _logits(loaded: LoadedModel, tokens: Sequence[int], last: int) -> Tensor:
    """Return the logits [last, vocabulary] of the last positions.

    In float32 they are the model's own output and share no code with the fast path. In half
    precision the end is ours: norm and head are applied in float32 on every path alike.
    """
    model = loaded.model.eval()
    ids = torch.tensor([list(tokens)], device=loaded.device)
    if loaded.dtype not in (torch.bfloat16, torch.float16):
        own: Tensor = model(input_ids=ids, use_cache=False).logits[0, -last:]
        return own
    hidden = parts(model).decoder(input_ids=ids, use_cache=False).last_hidden_state[0, -last:]
    head = Head(model)
    return head.logits(hidden, range(head.size))


@contextmanager
def _steering(
    loaded: LoadedModel, layer: int | None, delta: Tensor | None, where: slice
) -> Iterator[None]:
    """Add `delta` to the output of block `layer` at the positions `where`."""
    if layer is None or delta is None:
        yield
        return

    def add(_module: Any, _args: Any, output: Any) -> Any:
        hidden = output[0] if isinstance(output, tuple) else output
        steered = hidden.clone()
        steered[:, where] += delta.to(hidden)
        return (steered, *output[1:]) if isinstance(output, tuple) else steered

    handle = parts(loaded.model).blocks[layer].register_forward_hook(add)
    try:
        yield
    finally:
        handle.remove()


def _block_outputs(loaded: LoadedModel, tokens: Sequence[int]) -> list[Tensor]:
    """Return the last position's output of every block, each float32 [d_model]."""
    read: list[Tensor] = []

    def keep(_module: Any, _args: Any, output: Any) -> None:
        hidden = output[0] if isinstance(output, tuple) else output
        read.append(hidden[0, -1].float().cpu())

    model = loaded.model.eval()
    handles = [block.register_forward_hook(keep) for block in parts(model).blocks]
    try:
        with torch.inference_mode():
            ids = torch.tensor([list(tokens)], device=loaded.device)
            parts(model).decoder(input_ids=ids, use_cache=False)
    finally:
        for handle in handles:
            handle.remove()
    return read
