"""The replay sweep: blocks up to a layer once, the rest again for every row applied there.

It serves the scopes that chains cannot (`all` and `prompt` change the prompt itself), and the
models whose cache cannot carry chains.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor

from runners.engine.answers import Answers, answers
from runners.engine.chains import Sweep
from runners.engine.edits import Rows
from runners.engine.nonfinite import refuse_nonfinite
from runners.engine.resume import Kept, Prompts, base_pass, companies, resume
from runners.engine.sequences import Place, Side, Told, joined, told

if TYPE_CHECKING:
    from runners.models.load import LoadedModel
    from runners.prompts.positions import Line, TokenisedItem

KEPT = 4
"""Layers of a whole batch whose outputs are held at once; with more of them, fewer items."""
FEWEST = 512
"""Tokens that one replay may have, however small the batch is."""


class _Said(NamedTuple):
    """What L lines say of their completions, [L, n] each."""

    first: Answers
    behind: Told

    @classmethod
    def empty(cls, lines: int, n: int) -> _Said:
        """Return room for `lines` lines."""
        return cls(
            Answers(*(torch.empty(lines, n) for _ in Answers._fields)),
            Told(*(torch.empty(lines, n) for _ in Told._fields)),
        )

    def put(self, rows: list[int], some: _Said) -> None:
        """Write what some lines say where they belong."""
        for whole, part in zip(self, some, strict=True):
            for column, values in zip(whole, part, strict=True):
                column[rows] = values

    def of_items(self, items: Sequence[TokenisedItem]) -> Answers:
        """Return the answers [B, n] of the items whose lines these are, in their order."""
        counts = torch.tensor([len(item.lines) for item in items])
        positive, negative = counts.cumsum(0) - counts, counts.cumsum(0) - 1
        if bool((positive == negative).all()):
            return self._side(positive).first  # nothing stands behind the first tokens
        return joined(self._side(positive), self._side(negative))

    def _side(self, rows: Tensor) -> Side:
        return Side(
            Answers(*(column[rows] for column in self.first)),
            Told(*(column[rows] for column in self.behind)),
        )


def replay_sweep(
    loaded: LoadedModel,
    items: Sequence[TokenisedItem],
    births: Mapping[int, Rows],
    scope: str,
) -> Sweep:
    """Return what `chains.sweep` does, for every scope, by one replay per row of `births`.

    Steered positions: `all`, every one; `prompt`, up to the last prompt token; `answer` and
    `decision` as everywhere. Of completions of several tokens each is a line of its own. The memory
    held beside the model's own is the output of 4 blocks over the whole batch, whatever the number
    of layers and rows.

    Raises:
        Refused: a number that is not finite.
    """
    unknown = [layer for layer in births if not 0 <= layer < loaded.n_layers]
    if unknown:
        raise ValueError(f"layers {unknown} of a model with {loaded.n_layers}")
    lines = [line for item in items for line in item.lines]
    layers = sorted(births)
    unsteered, prefix = _Said.empty(len(lines), 1), torch.zeros(len(lines))
    steered = {layer: _Said.empty(len(lines), len(births[layer])) for layer in layers}
    with torch.inference_mode():
        for group in _groups(loaded, lines, sum(len(births[layer]) > 0 for layer in layers)):
            some = [lines[i] for i in group]
            prompts = Prompts.of(some, scope, loaded.device)
            kept = base_pass(loaded, prompts, [layer for layer in layers if len(births[layer])])
            unsteered.put(group, _said(loaded, some, kept.last[:, None]))
            prefix[group] = _prefix_logprob(loaded, some, kept.last)
            for layer in kept.layers:
                hidden = _replays(loaded, prompts, kept, layer, births[layer], some, _budget(lines))
                steered[layer].put(group, _said(loaded, some, hidden))
    firsts = [i for i, line in enumerate(lines) if line == line.item.lines[0]]
    result = Sweep(
        Answers(*(column[:, 0] for column in unsteered.of_items(items))),
        prefix[firsts],
        {layer: said.of_items(items) for layer, said in steered.items()},
    )
    refuse_nonfinite(loaded, items, births, scope, result.unsteered, result.steered)
    return result


def _groups(loaded: LoadedModel, lines: Sequence[Line], swept: int) -> Iterator[list[int]]:
    """Yield indices of lines that go through together, alike in length."""
    most = max(1, len(lines) * KEPT // max(KEPT, swept))
    for alike in companies(loaded, lines):
        yield from (alike[start : start + most] for start in range(0, len(alike), most))


def _budget(lines: Sequence[Line]) -> int:
    """Return the tokens of one replay: as many as the batch itself has, padded."""
    return max(FEWEST, len(lines) * max(len(line.tokens) for line in lines))


def _replays(
    loaded: LoadedModel,
    prompts: Prompts,
    kept: Kept,
    layer: int,
    rows: Rows,
    lines: Sequence[Line],
    budget: int,
) -> Tensor:
    """Return [L, n, T, d_model], the end of every line with every row applied at `layer`.

    The end is the decision position of the line with the longest tail and what is behind it.
    """
    batch, length = prompts.ids.shape
    end = 1 + max(len(line.tail) for line in lines)
    pairs = torch.cartesian_prod(torch.arange(batch), torch.arange(len(rows)))
    found = [
        resume(loaded, prompts, kept, layer, some[:, 0], rows[some[:, 1]])[:, -end:].clone()
        for some in torch.split(pairs, max(1, budget // length))
    ]
    return torch.unflatten(torch.cat(found), 0, (batch, len(rows)))


def _said(loaded: LoadedModel, lines: Sequence[Line], hidden: Tensor) -> _Said:
    """Return what `hidden` [L, n, T, d_model], lines aligned at their ends, says."""
    decided = torch.tensor([-1 - len(line.tail) for line in lines], device=hidden.device)
    rows = torch.arange(len(lines), device=hidden.device)
    items = [line.item for line in lines]
    first = answers(
        loaded.model,
        hidden[rows, :, decided],
        [item.positive[0] for item in items],
        [item.negative[0] for item in items],
    )
    places = [
        Place(i, i, step - len(line.behind), token)
        for i, line in enumerate(lines)
        for step, token in enumerate(line.behind)
    ]
    return _Said(first, told(loaded.model, hidden, places, len(lines)))


def _prefix_logprob(loaded: LoadedModel, lines: Sequence[Line], last: Tensor) -> Tensor:
    """Return the log-probability [L] of the shared tokens, each told by the position before it."""
    places = [
        Place(i, i, step - len(line.item.shared) - 1 - len(line.tail), token)
        for i, line in enumerate(lines)
        for step, token in enumerate(line.item.shared)
    ]
    return told(loaded.model, last[:, None], places, len(lines)).logprob[:, 0]
