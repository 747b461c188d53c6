"""About how long damage will take: one pass of it is timed, and stands for all."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from runners.damage.measure import TextBlock
    from runners.models.load import LoadedModel

clock = time.perf_counter
"""What seconds are read from."""
LONG = 1.0
"""Seconds of a pass of one vector beyond which no fuller one is timed."""


class Work(NamedTuple):
    """What the model will be asked to do, and how long it may take."""

    words: str
    flops: float
    seconds: float


def work(todo: Sequence[TextBlock], tokens_per_pass: int, engine: str) -> Work:
    """Return the work of some blocks of one model, at the speed of one pass of its own kind.

    The texts once, the blocks behind the layer for each vector and multiplier, and every position
    unembedded; by the reference engine two whole passes for each.
    """
    loaded = todo[0].unit.loaded
    whole, again = sum(b.tokens() for b in todo), sum(b.replayed() for b in todo)
    flops = _flops(loaded, whole, again, sum(b.unembedded() for b in todo))
    words = f"{whole:,} tokens, replays worth {again:,.0f} more"
    if engine == "reference":
        passes = sum(2 * len(block.texts) * len(block.cells) for block in todo)
        tokens = sum(2 * block.tokens() * len(block.cells) for block in todo)
        flops = _flops(loaded, tokens, 0, tokens)
        words = f"{passes:,} passes of {tokens:,} tokens"
    return Work(words, flops, flops / speed(todo[0], tokens_per_pass, engine))


def speed(block: TextBlock, tokens_per_pass: int, engine: str) -> float:
    """Return the operations a second of one pass like those of a block.

    A text of middling length under as many vectors as fill a pass; under a single one where that
    takes long already. What the vectors are costs nothing.
    """
    import torch

    from runners.damage.reference import reference_damages
    from runners.damage.sweep import FEWEST, damage_sweep

    loaded, layer = block.unit.loaded, block.cells[0].layer
    sweep = reference_damages if engine == "reference" else damage_sweep
    text = sorted(block.texts, key=lambda text: text.width)[len(block.texts) // 2]
    tokens = max(FEWEST, tokens_per_pass)
    most = 1 if engine == "reference" else min(len(block.cells), tokens // text.width)
    found = 0.0
    for n in (1, max(1, most), max(1, most)):  # the first warms up
        start = clock()
        sweep(loaded, [text], {layer: torch.zeros(n, loaded.d_model)}, tokens)
        seconds = max(clock() - start, 1e-9)
        found = max(found, _of_trial(loaded, text.width, layer, n, engine) / seconds)
        if seconds > LONG:
            break
    return found


def _of_trial(loaded: LoadedModel, width: int, layer: int, n: int, engine: str) -> float:
    """Return the operations of a timed pass: one text under n vectors."""
    if engine == "reference":  # which reads the text for its own cross-entropy too
        return _flops(loaded, 4 * width, 0, 4 * width)
    behind = (loaded.n_layers - 1 - layer) / loaded.n_layers
    return _flops(loaded, width, width * n * behind, width * (1 + n))


def _flops(loaded: LoadedModel, whole: float, again: float, unembedded: float) -> float:
    """Return two operations for each weight that each token meets."""
    from runners.campaign.estimate import block_weights, head_weights

    weights, head = block_weights(loaded), head_weights(loaded)
    return 2.0 * (weights * (whole + again) + head * unembedded)
