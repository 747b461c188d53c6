"""The slow path: one item, one completion, one multiplier, one whole forward pass.

It exists to be trusted.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor

from runners.engine.answers import Head
from runners.models.architecture import parts

if TYPE_CHECKING:
    from runners.engine.edits import Edit
    from runners.models.load import LoadedModel
    from runners.prompts.positions import TokenisedItem
    from specs.schema import Read


class Answer(NamedTuple):
    """`answers.Answers` of one item, with the log-probability of the shared prefix."""

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
    edit: Tensor | Edit | None = None,
) -> Answer:
    """Return the answer of whole forward passes over prompt and answer, without cache or padding.

    One pass, or one for each completion where more than its first token is scored. `edit` is
    applied to the output of block `layer` at the positions of `scope`: `answer` from the last
    prompt token on, `decision` from the decision position on, `prompt` up to the last prompt token,
    `all` everywhere. A tensor, float32 [d_model], is added; an `Edit` does what its operator says.
    """
    start = {"decision": item.decision, "answer": len(item.prompt) - 1}.get(scope, 0)
    end = len(item.prompt) if scope == "prompt" else None
    logits = {}
    with torch.inference_mode(), steering(loaded, layer, edit, slice(start, end)):
        for tail in dict.fromkeys(item.tails):
            tokens = [*item.prompt, *item.shared, *tail]
            logits[tail] = logits_of(loaded, tokens, slice(-1 - len(item.shared) - len(tail), None))
    first = len(item.shared)
    scores = [logits[tail][first:] for tail in item.tails]
    positive, negative = (
        _score(rows, tokens) for rows, tokens in zip(scores, item.scored, strict=True)
    )
    prefix = _score(logits[item.tails[0]][:first], item.shared).logprob
    if len(logits) == 1:  # one position told both: what they are divided by cancels
        rows = scores[0]
        difference = float(rows[0, item.positive[0]]) - float(rows[0, item.negative[0]])
    else:
        difference = positive.logprob - negative.logprob
    return Answer(
        difference,
        float(torch.tensor([positive.logprob, negative.logprob]).logsumexp(0)),
        prefix + 0.0 if layer is None else math.nan,
        max(positive.first, negative.first) + max(positive.size, negative.size),
    )


class _Score(NamedTuple):
    """What one pass says of the tokens of one completion."""

    logprob: float
    """Of all its tokens, summed."""
    first: float
    """Absolute logit of the first token."""
    size: float
    """Summed over the others: the larger, in absolute value, of the logit and the log of all summed
    exponentials, for either is rounded on its own."""


def _score(logits: Tensor, tokens: Sequence[int]) -> _Score:
    """Return the score of `tokens`, each of them told by the row of `logits` [T, vocabulary]."""
    logprobs = logits.log_softmax(-1)
    totals = logits.logsumexp(-1)
    found = [float(logprobs[row, token]) for row, token in enumerate(tokens)]
    sizes = [abs(float(logits[row, token])) for row, token in enumerate(tokens)]
    larger = [max(size, abs(float(total))) for size, total in zip(sizes, totals, strict=False)]
    return _Score(sum(found), sum(sizes[:1]), sum(larger[1:]))


def reference_activations(
    loaded: LoadedModel, item: TokenisedItem, read: Read = "answer_token"
) -> tuple[Tensor, Tensor]:
    """Return what `runners.fitting.extraction` reads of one item, one pass per completion.

    Positive and negative, each float32 [layers, d_model] on the CPU: the output of every block at
    the first token in which the completions differ, where the pass ends; at the completion's last
    token; or its mean in float64 over the completion's tokens, or over all tokens.
    """
    before = [*item.prompt, *item.shared]
    start = {"mean_completion": len(item.prompt), "mean_all": 0}.get(read, -1)
    both = (
        torch.stack(_block_outputs(loaded, [*before, *completion], start))
        for completion in (
            side[:1] if read == "answer_token" else side for side in (item.positive, item.negative)
        )
    )
    positive, negative = both
    return positive, negative


def logits_of(loaded: LoadedModel, tokens: Sequence[int], where: slice) -> Tensor:
    """Return the logits [T, vocabulary] of the positions `where`.

    In float32 they are the model's own output and share no code with the fast path. In half
    precision the end is ours: norm and head are applied in float32 on every path alike.
    """
    model = loaded.model.eval()
    ids = torch.tensor([list(tokens)], device=loaded.device)
    if loaded.dtype not in (torch.bfloat16, torch.float16):
        own: Tensor = model(input_ids=ids, use_cache=False).logits[0, where]
        return own
    hidden = parts(model).decoder(input_ids=ids, use_cache=False).last_hidden_state[0, where]
    head = Head(model)
    return head.logits(hidden, range(head.size))


@contextmanager
def steering(
    loaded: LoadedModel, layer: int | None, edit: Tensor | Edit | None, where: slice
) -> Iterator[None]:
    """Apply `edit` (as for `measure`) to the output of block `layer` at the positions `where`."""
    if layer is None or edit is None:
        yield
        return

    def steer(_module: Any, _args: Any, output: Any) -> Any:
        hidden = output[0] if isinstance(output, tuple) else output
        steered = hidden.clone()
        steered[:, where] = edited(hidden[:, where], edit)
        return (steered, *output[1:]) if isinstance(output, tuple) else steered

    handle = parts(loaded.model).blocks[layer].register_forward_hook(steer)
    try:
        yield
    finally:
        handle.remove()


def edited(hidden: Tensor, edit: Tensor | Edit) -> Tensor:
    """Return what an operator makes of hidden states [1, T, d_model], as `specs.operators` has it.

    What is not simply added is computed in float64, where the device has it.
    """
    if isinstance(edit, Tensor):
        return hidden + edit.to(hidden)
    operator, multiplier, vector = edit
    if operator == "add":
        return hidden + (multiplier * vector).to(hidden)
    exact = torch.float32 if hidden.device.type == "mps" else torch.float64
    state, length = hidden.to(exact), float(vector.double().norm())
    if length == 0:  # no direction
        return hidden
    v = vector.to(exact).to(hidden.device)
    unit = v / length
    component = (state * unit).sum(-1, keepdim=True)
    if operator == "clamp":
        bound = multiplier * length
        wanted = component.clamp(min=bound) if multiplier >= 0 else component.clamp(max=bound)
        return (state + (wanted - component) * unit).to(hidden)
    ablated = state - component * unit
    steered = {"ablate": ablated, "ablate_then_add": ablated + multiplier * v}[operator]
    return steered.to(hidden)


def _block_outputs(loaded: LoadedModel, tokens: Sequence[int], start: int) -> list[Tensor]:
    """Return every block's output, its mean from position `start` on, each float32 [d_model]."""
    read: list[Tensor] = []

    def keep(_module: Any, _args: Any, output: Any) -> None:
        hidden = output[0] if isinstance(output, tuple) else output
        read.append(hidden[0, start:].cpu().double().mean(0).float())

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
