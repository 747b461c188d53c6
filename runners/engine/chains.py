"""The fast sweep: every layer and multiplier of a batch from one pass over its prompts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor

from runners.engine.answers import Answers, answers, log_probabilities
from runners.engine.edits import Rows
from runners.engine.masks import Stem
from runners.engine.nonfinite import refuse_nonfinite
from runners.engine.sequences import Place, Side, Told, joined, told
from runners.engine.trunk import split
from runners.engine.weave import MOST, ROWS, weave

if TYPE_CHECKING:
    from runners.models.load import LoadedModel
    from runners.prompts.positions import TokenisedItem

LIVING = 16
"""Chain rows that live at once, for each slot of the trunk: more take a pass of their own. So that
their hidden states need no more memory than a block needs to work with."""


class Sweep(NamedTuple):
    """The numbers of a batch of B items, in the order given; everything on the CPU."""

    unsteered: Answers
    """[B]."""
    prefix_logprob: Tensor
    """float32 [B]: sum of log p of the shared tokens, unsteered; 0 where there are none."""
    steered: dict[int, Answers]
    """layer -> [B, n], the rows of its births in order."""


def sweep(
    loaded: LoadedModel,
    items: Sequence[TokenisedItem],
    births: Mapping[int, Rows],
    scope: str,
) -> Sweep:
    """Return the answers of `items` unsteered, and steered by every row of `births`.

    `births` maps a layer to n rows, each applied to the output of that block at the positions of
    `scope`: a tensor float32 [n, d_model] is added, `Edits` say what they do. Exact where
    `runners.models.architecture.why_not_exact` is None; how, `weave` says.

    Raises:
        Refused: a prompt of one token, a number that is not finite, or a block that is handed
            arguments the sweep does not know.
    """
    unknown = [layer for layer in births if not 0 <= layer < loaded.n_layers]
    if unknown:
        raise ValueError(f"layers {unknown} of a model with {loaded.n_layers}")
    by_length: dict[int, list[int]] = defaultdict(list)
    for i, item in enumerate(items):
        by_length[1 if scope == "decision" else 1 + len(item.shared)].append(i)
    places = [i for group in by_length.values() for i in group]
    with torch.inference_mode():
        swept = [
            _sweep_alike(loaded, [items[i] for i in group], births, length)
            for length, group in by_length.items()
        ]
    result = _joined(swept, torch.tensor(places).argsort())
    refuse_nonfinite(loaded, items, births, scope, result.unsteered, result.steered)
    return result


def _sweep_alike(
    loaded: LoadedModel,
    items: Sequence[TokenisedItem],
    births: Mapping[int, Rows],
    length: int,
) -> Sweep:
    """Return the sweep of items whose stems all have `length` tokens."""
    trunks, lines = split(items, length)
    stems, stem = with_tails(items, lines, length)
    # What the shared tokens before the stem are predicted by.
    apart = max(0, 1 + max(len(item.shared) for item in items) - length)
    unsteered: Answers | None = None
    steered: dict[int, list[Answers]] = {layer: [] for layer in sorted(births)}
    rows = len(stem.parents)
    most = max(1, min(MOST, ROWS // rows), LIVING * max(map(len, trunks)) // rows)
    for chunk in _chunks(births, most):
        first = unsteered is None
        woven = weave(loaded, trunks, stems, stem, chunk, apart if first else 0)
        found = read_answers(loaded, items, woven.chains, length)
        if first:
            unsteered = Answers(*(part[:, 0] for part in found))
            prefix = _prefix_logprob(loaded, items, woven.trunk, woven.chains[:, 0, :length])
        sizes = [1, *(len(rows) for rows in chunk.values())]
        by_layer = zip(*(torch.split(part, sizes, 1) for part in found), strict=True)
        next(by_layer)
        for layer, columns in zip(chunk, by_layer, strict=True):
            steered[layer].append(Answers(*columns))
    assert unsteered is not None  # _chunks yields at least once
    nothing = torch.empty(len(items), 0)
    layers = {
        layer: Answers(*(torch.cat([nothing, *column], 1) for column in zip(*found, strict=True)))
        if found
        else Answers(nothing, nothing, nothing)
        for layer, found in steered.items()
    }
    return Sweep(unsteered, prefix, layers)


def with_tails(
    items: Sequence[TokenisedItem], lines: Sequence[Sequence[int]], length: int
) -> tuple[list[list[int]], Stem]:
    """Return lines of `length` tokens with both tails behind them, and what stem they are.

    Tails are padded at their ends, from where nothing descends; of letters there are none.
    """
    sizes = [max(map(len, side)) for side in zip(*(item.tails for item in items), strict=True)]
    stems = [
        [
            *line,
            *(t for tail, n in zip(item.tails, sizes, strict=True) for t in _padded(tail, n)),
        ]
        for item, line in zip(items, lines, strict=True)
    ]
    return stems, Stem.fork(length, *sizes)


def _padded(tail: Sequence[int], size: int) -> list[int]:
    return [*tail, *[0] * (size - len(tail))]


def read_answers(
    loaded: LoadedModel, items: Sequence[TokenisedItem], chains: Tensor, length: int
) -> Answers:
    """Return the answers [B, chains] read from `chains` [B, chains, R, d_model].

    The first tokens are told by row `length` - 1, what is behind them by the rows of the tails.
    """
    positive = [item.positive[0] for item in items]
    negative = [item.negative[0] for item in items]
    first = answers(loaded.model, chains[:, :, length - 1], positive, negative)
    starts = length, length + max(len(item.tails[0]) for item in items)
    places = [
        Place(2 * b + side, b, starts[side] + step, token)
        for b, item in enumerate(items)
        for side, tokens in enumerate(item.scored)
        for step, token in enumerate(tokens[1:])
    ]
    if not places:
        return first
    behind = told(loaded.model, chains, places, 2 * len(items))
    return joined(*(Side(first, Told(*(part[side::2] for part in behind))) for side in (0, 1)))


def _chunks(births: Mapping[int, Rows], most: int) -> Iterator[dict[int, Rows]]:
    """Yield the births in order of layer, at most `most` rows at once; once if there are none."""
    chunk: dict[int, Rows] = {}
    room = most
    for layer in sorted(births):
        left = births[layer]
        while len(left):
            chunk[layer], left = left[:room], left[room:]
            room -= len(chunk[layer])
            if not room:
                yield chunk
                chunk, room = {}, most
    if chunk or not any(len(rows) for rows in births.values()):
        yield chunk


def _prefix_logprob(
    loaded: LoadedModel, items: Sequence[TokenisedItem], trunk: Tensor, line: Tensor
) -> Tensor:
    """Return the log-probability [B] of the shared tokens, unsteered.

    Each is predicted by the row before it: in the line of the stem, or at the end of the trunk.
    """
    rows = torch.cat([trunk, line.to(trunk)], 1)
    total = torch.zeros(len(items))
    tokens = [token for item in items for token in item.shared]
    if not tokens:
        return total
    owner = [b for b, item in enumerate(items) for _ in item.shared]
    before = [j - len(item.shared) - 1 for item in items for j in range(len(item.shared))]
    found = log_probabilities(loaded.model, rows[owner, before], tokens)
    return total.index_add(0, torch.tensor(owner), found)


def _joined(swept: Sequence[Sweep], order: Tensor) -> Sweep:
    """Return the sweeps of several groups as one, with items in `order`."""

    def join(columns: Sequence[Answers]) -> Answers:
        return Answers(*(torch.cat(column)[order] for column in zip(*columns, strict=True)))

    layers = {layer: join([part.steered[layer] for part in swept]) for layer in swept[0].steered}
    prefix = torch.cat([part.prefix_logprob for part in swept])[order]
    return Sweep(join([part.unsteered for part in swept]), prefix, layers)
