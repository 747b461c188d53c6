"""Rollouts by the slow path: one at a time, a whole pass a token, plain hooks, no cache."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor

from runners.engine.answers import Head
from runners.engine.reference import edited
from runners.models.architecture import parts
from runners.rollouts.sampled import Ask, Manner, Place, Sampled
from runners.rollouts.sampling import draw

if TYPE_CHECKING:
    from runners.models.load import LoadedModel


def reference_rollouts(
    loaded: LoadedModel, asks: Sequence[Ask], places: Sequence[Place], manner: Manner
) -> Sampled:
    """Return what `generate` does.

    Raises:
        Refused: log-probabilities that are not finite.
    """
    found = Sampled.empty(len(asks), manner.saes, loaded.device)
    for i, ask in enumerate(asks):
        said, margins = _say(loaded, ask, places, manner)
        found.tokens[i], found.margin[i] = said, min(margins)
        read = reread(loaded, ask, said, places, manner)
        found.logprobs[i], found.unsteered[i] = read.logprobs, read.unsteered
        for n, features in enumerate(read.features):
            found.features[n][i] = features
    found.refuse_nonfinite(asks, places)
    return found


def _say(
    loaded: LoadedModel, ask: Ask, places: Sequence[Place], manner: Manner
) -> tuple[list[int], list[float]]:
    """Return the tokens of one rollout, and the margin of each draw."""
    said: list[int] = []
    margins: list[float] = []
    for number in ask.numbers[: manner.tokens]:
        whole = _whole(loaded, ask, said, places, manner, steered=True)
        drawn = draw(whole.logits[-1:], number[None], manner.sampling)
        said.append(int(drawn.tokens))
        margins.append(float(drawn.margin))
        if said[-1] in manner.ends:
            break
    return said, margins


class Reread(NamedTuple):
    """What whole passes say of a finished text."""

    logprobs: list[float]
    unsteered: list[float]
    features: list[Tensor]
    """For each SAE float32 [d_sae], mean over the sampled tokens."""
    largest: float
    """Largest absolute logit: what rounding is relative to."""


def reread(
    loaded: LoadedModel, ask: Ask, said: Sequence[int], places: Sequence[Place], manner: Manner
) -> Reread:
    """Return what two whole passes, steered and not, say of the tokens that a rollout said."""
    both = [_whole(loaded, ask, said, places, manner, steered) for steered in (True, False)]
    tokens = torch.tensor(list(said), device=both[0].logits.device)[:, None]
    logprobs = [
        each.logits[-len(said) - 1 : -1].double().log_softmax(-1).gather(-1, tokens)[:, 0]
        for each in both
    ]
    read = both[0] if manner.stream == "steered" else both[1]
    return Reread(
        logprobs[0].tolist(),
        logprobs[1].tolist(),
        [
            sae.encode(hidden[-len(said) :]).float().mean(0)
            for sae, hidden in zip(manner.saes, read.hidden, strict=True)
        ],
        max(float(each.logits.abs().max()) for each in both),
    )


class _Whole(NamedTuple):
    """One pass over opening and what was said so far."""

    logits: Tensor
    """[tokens said + 1, vocabulary]: from the last token of the opening on."""
    hidden: list[Tensor]
    """For each SAE [tokens, d_model], the residual stream at its layer."""


def _whole(
    loaded: LoadedModel,
    ask: Ask,
    said: Sequence[int],
    places: Sequence[Place],
    manner: Manner,
    steered: bool,
) -> _Whole:
    found = parts(loaded.model.eval())
    ids = torch.tensor([[*ask.prompt, *said]], device=loaded.device)
    start = 0 if manner.scope == "all" else len(ask.prompt) - 1
    place = places[ask.place] if steered and ask.place is not None else None
    hidden: list[Tensor] = []
    with torch.inference_mode(), _hooked(found, place, start, manner, hidden):
        if loaded.dtype not in (torch.bfloat16, torch.float16):
            logits = loaded.model(input_ids=ids, use_cache=False).logits[0]
            return _Whole(logits[len(ask.prompt) - 1 :], hidden)
        last = found.decoder(input_ids=ids, use_cache=False).last_hidden_state[0]
    with torch.inference_mode():
        head = Head(loaded.model)
        return _Whole(head.logits(last[len(ask.prompt) - 1 :], range(head.size)), hidden)


@contextmanager
def _hooked(
    found: Any, place: Place | None, start: int, manner: Manner, hidden: list[Tensor]
) -> Iterator[None]:
    """Steer after one block from position `start` on, and put what SAEs read into `hidden`."""

    def steer(_module: Any, _args: Any, output: Any) -> Any:
        assert place is not None
        state = output[0] if isinstance(output, tuple) else output
        changed = state.clone()
        changed[:, start:] = edited(state[:, start:], place.edit)
        return (changed, *output[1:]) if isinstance(output, tuple) else changed

    def keep(_module: Any, _args: Any, output: Any) -> None:
        hidden.append((output[0] if isinstance(output, tuple) else output)[0])

    handles = []
    if place is not None:
        handles.append(found.blocks[place.layer].register_forward_hook(steer))
    # In the order of the blocks: each pass meets them so.
    order = sorted(range(len(manner.saes)), key=lambda n: manner.saes[n].layer)
    handles += [found.blocks[manner.saes[n].layer].register_forward_hook(keep) for n in order]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
    met = list(hidden)
    for position, n in enumerate(order):
        hidden[n] = met[position]
