"""The replay sweep: blocks up to a layer once, the rest again for every vector added there.

It serves the scopes that chains cannot (`all` and `prompt` change the prompt itself), and the
models whose cache cannot carry chains (research/fast-sweep.md 5, "R").
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from runners.answers import Answers, answers, log_probabilities
from runners.chains import Sweep
from runners.nonfinite import refuse_nonfinite
from runners.resume import Kept, Prompts, base_pass, companies, resume

if TYPE_CHECKING:
    from runners.load import LoadedModel
    from runners.positions import TokenisedItem

KEPT = 4
"""Layers of a whole batch whose outputs are held at once; with more of them, fewer items."""
FEWEST = 512
"""Tokens that one replay may have, however small the batch is."""


def replay_sweep(
    loaded: LoadedModel,
    items: Sequence[TokenisedItem],
    births: Mapping[int, Tensor],
    scope: str,
) -> Sweep:
    """Return what `runners.chains.sweep` does, for every scope, by one replay per row of `births`.

    Steered positions: `all`, every one up to the decision position; `prompt`, up to the last prompt
    token; `answer` and `decision` as everywhere. The memory held beside the model's own is the
    output of 4 blocks over the whole batch, whatever the number of layers and rows.

    Raises:
        Refused: a number that is not finite.
    """
    unknown = [layer for layer in births if not 0 <= layer < loaded.n_layers]
    if unknown:
        raise ValueError(f"layers {unknown} of a model with {loaded.n_layers}")
    layers = sorted(births)
    unsteered, prefix = _empty(len(items)), torch.zeros(len(items))
    steered = {layer: _empty(len(items), len(births[layer])) for layer in layers}
    with torch.inference_mode():
        for group in _groups(loaded, items, sum(len(births[layer]) > 0 for layer in layers)):
            some = [items[i] for i in group]
            prompts = Prompts.of(some, scope, loaded.device)
            kept = base_pass(loaded, prompts, [layer for layer in layers if len(births[layer])])
            _put(unsteered, group, _answers(loaded, some, kept.last[:, -1:]), column=0)
            prefix[group] = _prefix_logprob(loaded, some, kept.last)
            for layer in kept.layers:
                hidden = _replays(loaded, prompts, kept, layer, births[layer], _budget(items))
                _put(steered[layer], group, _answers(loaded, some, hidden))
    result = Sweep(unsteered, prefix, steered)
    refuse_nonfinite(loaded, items, births, scope, result.unsteered, result.steered)
    return result


def _groups(loaded: LoadedModel, items: Sequence[TokenisedItem], swept: int) -> Iterator[list[int]]:
    """Yield indices of items that go through together, alike in length."""
    most = max(1, len(items) * KEPT // max(KEPT, swept))
    for alike in companies(loaded, items):
        yield from (alike[start : start + most] for start in range(0, len(alike), most))


def _budget(items: Sequence[TokenisedItem]) -> int:
    """Return the tokens of one replay: as many as the batch itself has, padded."""
    return max(FEWEST, len(items) * (1 + max(item.decision for item in items)))


def _replays(
    loaded: LoadedModel, prompts: Prompts, kept: Kept, layer: int, rows: Tensor, budget: int
) -> Tensor:
    """Return the last position [B, n, d_model] of every prompt with every row added at `layer`."""
    batch, length = prompts.ids.shape
    pairs = torch.cartesian_prod(torch.arange(batch), torch.arange(len(rows)))
    found = [
        resume(loaded, prompts, kept, layer, some[:, 0], rows[some[:, 1]])[:, -1].clone()
        for some in torch.split(pairs, max(1, budget // length))
    ]
    return torch.unflatten(torch.cat(found), 0, (batch, len(rows)))


def _answers(loaded: LoadedModel, items: Sequence[TokenisedItem], hidden: Tensor) -> Answers:
    positive, negative = zip(*((item.positive[0], item.negative[0]) for item in items), strict=True)
    return answers(loaded.model, hidden, positive, negative)


def _prefix_logprob(loaded: LoadedModel, items: Sequence[TokenisedItem], last: Tensor) -> Tensor:
    """Return the log-probability [B] of the shared tokens, each told by the position before it."""
    total = torch.zeros(len(items))
    tokens = [token for item in items for token in item.shared]
    if not tokens:
        return total
    owner = [b for b, item in enumerate(items) for _ in item.shared]
    before = [j - len(item.shared) - 1 for item in items for j in range(len(item.shared))]
    found = log_probabilities(loaded.model, last[owner, before], tokens)
    return total.index_add(0, torch.tensor(owner), found)


def _empty(*shape: int) -> Answers:
    return Answers(*(torch.empty(shape) for _ in Answers._fields))


def _put(into: Answers, rows: list[int], found: Answers, column: int | None = None) -> None:
    """Write the answers of some items where they belong."""
    for whole, part in zip(into, found, strict=True):
        whole[rows] = part if column is None else part[:, column]
