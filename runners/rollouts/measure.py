"""Sample one block: a slice of an opening set's samples, unsteered or under a group of cells."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from runners.prompts.positions import TokenisedItem
from runners.rollouts.draws import uniforms
from runners.rollouts.effects import moments
from runners.rollouts.sampled import Ask, Place, Sampled

if TYPE_CHECKING:
    from runners.engine.budget import Budget
    from runners.engine.measure import Cell
    from runners.rollouts.asked import RolloutUnit
    from runners.rollouts.prompts import Pair
    from runners.rollouts.sampled import Manner, Sampler

SHARE = {"cpu": 8}
"""Of the tokens that a rollout will hold, on a CPU, one in so many counts in the budget of a batch:
the budget keeps working memory within the processor's caches, and a step works on one token a row.
Elsewhere it is memory that counts, and keys and values of every token are in it."""


@dataclass(frozen=True)
class RolloutBlock:
    """Samples of openings, with the cells that lack them; no cell: unsteered ones."""

    unit: RolloutUnit
    number: int
    pairs: list[Pair]
    cells: list[Cell]

    @property
    def place(self) -> str:
        """Evaluation and group of cells: what `number` counts in."""
        group = f"-{self.cells[0].run.run_id}" if self.cells else ""
        return f"{self.unit.evaluation_id}/rollout{group}"

    @property
    def key(self) -> str:
        """What its staged file is called by."""
        first = self.cells[0] if self.cells else None
        cell = f"-{first.layer}-{first.multiplier!r}" if first else ""
        return f"{self.place}{cell}-{self.number:05d}"

    def count(self) -> int:
        """Rollouts that are sampled."""
        return len(self.pairs) * max(1, len(self.cells))

    def tokens(self, reads: bool) -> int:
        """Tokens that go through the model at most, openings and shadows included."""
        spec = self.unit.spec
        sampled = (spec.tokens - 1 + reads) * len(self.pairs)
        openings = sum(len(pair.opening.tokens) for pair in self.pairs)
        return (openings + sampled) * (2 * len(self.cells) if self.cells else 1)


@dataclass
class Block:
    """What a block said."""

    sampled: Sampled
    """Cell after cell, the pairs of each; features are not kept."""
    features: list[Tensor] = field(default_factory=list)
    """Unsteered: for each SAE float32 [pairs, d_sae] on the CPU."""
    moments: list[Tensor] = field(default_factory=list)
    """Steered: for each SAE float64 [cells, 3, d_sae]: see `effects.moments`."""


def sample_block(
    block: RolloutBlock,
    sampler: Sampler,
    budget: Budget,
    manner: Manner,
    unsteered: Sequence[Tensor] = (),
) -> Block:
    """Return what all rollouts of a block say.

    `unsteered` are the features of the same pairs' unsteered rollouts, for each SAE [pairs, d_sae].
    Where memory runs out the block is done anew in smaller batches.

    Raises:
        Refused: a single rollout does not fit, or what the sampler refuses.
    """
    asks, places = _asks(block)
    items = [_weight(block, ask) for ask in asks]
    n_pairs = len(block.pairs)
    while True:
        found = Block(Sampled.empty(len(asks), (), torch.device("cpu")))
        for sae in manner.saes:
            if block.cells:
                sums = torch.zeros(len(block.cells), 3, sae.d_sae, dtype=torch.float64)
                found.moments.append(sums)
            else:
                found.features.append(torch.zeros(n_pairs, sae.d_sae))

        def do(batch: list[int], found: Block = found) -> None:
            part = sampler(block.unit.loaded, [asks[i] for i in batch], places, manner)
            _put(part, batch, found.sampled)
            for n, read in enumerate(part.features):
                read = read.cpu()
                if not block.cells:
                    found.features[n][batch] = read
                    continue
                for cell in dict.fromkeys(i // n_pairs for i in batch):
                    rows = [row for row, i in enumerate(batch) if i // n_pairs == cell]
                    base = unsteered[n][[batch[row] % n_pairs for row in rows]]
                    found.moments[n][cell] += moments(read[rows], base)

        if budget.fits(items, do):
            return found


def _asks(block: RolloutBlock) -> tuple[list[Ask], list[Place]]:
    """Return the rollouts of a block, cell after cell, and what is done to each cell."""
    from runners.engine.edits import Edit

    spec = block.unit.spec
    numbers = [
        uniforms(spec.seed, pair.opening.prompt_id, pair.sample, spec.tokens)
        for pair in block.pairs
    ]
    places = [
        Place(layer, Edit(run.operator, multiplier, run.vector.directions[layer].float()))
        for run, layer, multiplier in block.cells
    ]
    of_cells: list[int | None] = list(range(len(places))) if places else [None]
    asks = [
        Ask(pair.opening.tokens, drawn, place)
        for place in of_cells
        for pair, drawn in zip(block.pairs, numbers, strict=True)
    ]
    return asks, places


def _weight(block: RolloutBlock, ask: Ask) -> TokenisedItem:
    """Return a stand-in of a rollout that is as wide as what it costs in a batch."""
    held = (len(ask.prompt) + block.unit.spec.tokens) * (1 if ask.place is None else 2)
    share = SHARE.get(block.unit.loaded.device.type, 1)
    name = f"rollout of {block.unit.tokenised.spec.name}"
    return TokenisedItem(name, "", (0,) * -(-held // share), (), (), ())


def _put(part: Sampled, batch: Sequence[int], into: Sampled) -> None:
    for row, i in enumerate(batch):
        into.tokens[i] = part.tokens[row]
        into.logprobs[i], into.unsteered[i] = part.logprobs[row], part.unsteered[row]
    into.margin[list(batch)] = part.margin
