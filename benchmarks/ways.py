"""The ways that are timed: the engine's, each beside the bare pass it is measured in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import torch

from benchmarks import bounds, material
from benchmarks.timing import Way
from runners.engine.batches import batches
from runners.engine.chains import sweep
from runners.engine.prefix import sharing
from runners.engine.replay import replay_sweep
from runners.fitting.extraction import read_activations

if TYPE_CHECKING:
    from runners.engine.measure import SweepFunction
    from runners.models.load import LoadedModel
    from runners.prompts.positions import TokenisedItem

MULTIPLIERS = (-1.5, -1.0, -0.5, 0.5, 1.0, 1.5)
"""Nonzero ones of seven: the unsteered chain is the seventh."""
VECTORS = 6
REPLAYED = 20
"""Items of the scopes that touch the prompt: they cost as much as four bare passes each."""
SOME = 50
"""Items of the prompts that begin alike."""
SWEPT = "full sweep, decision"
"""What the slow paths are compared with."""
Births = Mapping[int, torch.Tensor]


class Timed(NamedTuple):
    """One way, the bare pass it is measured in, and what it must cost at least in that unit."""

    way: Way
    unit: str
    bound: float | None = None
    """None for a slow path: nothing bounds it from below but what it does."""
    mass: float = 0.0
    """What the answer mass adds; no part of the bound of benchmarks/bounds.py."""
    target: float | None = None
    """How many times its bound it may cost (issue 3)."""
    n_items: int = 0
    counts: Mapping[str, float] = {}
    """Slow paths: how many times what was timed a full sweep takes, for each way of counting."""


def ways(loaded: LoadedModel, items: Sequence[TokenisedItem], budget: int) -> dict[str, Timed]:
    """Return every way, over prompts with nothing in common and over prompts half in common."""
    every, middle = list(range(loaded.n_layers)), [loaded.n_layers // 2 - 1]
    alone, some = material.apart(items), material.spread(items, SOME)
    apart = Group(loaded, alone, budget, "bare, apart")
    few = Group(loaded, material.spread(alone, REPLAYED), budget, "bare, apart, few")
    as_are = Group(loaded, some, budget, "bare, as they are")
    common = Group(loaded, material.half_common(some), budget, "bare, half common")
    return {
        apart.unit: apart.unsteered(),
        SWEPT: apart.sweep(every, 1, "decision", 1.1),
        "full sweep, answer": apart.sweep(every, 1, "answer", 1.1),
        "one layer": apart.sweep(middle, 1, "decision", 1.12),
        "six vectors, one layer": apart.sweep(middle, VECTORS, "decision", 1.12),
        "extraction": apart.extraction(1.2),
        few.unit: few.unsteered(),
        "scope all, one layer": few.replay(middle, "all", 1.2),
        "scope prompt, one layer": few.replay(middle, "prompt", 1.2),
        as_are.unit: as_are.unsteered(),
        "full sweep, decision, as they are": as_are.sweep(every, 1, "decision"),
        common.unit: common.unsteered(),
        "one layer, half common": common.sweep(middle, 1, "decision", 1.2),
        "extraction, half common": common.extraction(1.2),
    }


class Group(NamedTuple):
    """Prompts, with the bare pass over them as unit."""

    loaded: LoadedModel
    items: Sequence[TokenisedItem]
    budget: int
    unit: str

    def bare(self, use_cache: bool = False) -> None:
        """Run the model once over the prompts."""
        bare(self.loaded, self.items, self.budget, use_cache)

    def unsteered(self) -> Timed:
        """Return the bare pass as a way."""
        return Timed(self.bare, self.unit, n_items=len(self.items))

    def sweep(
        self, layers: Sequence[int], vectors: int, scope: str, target: float | None = None
    ) -> Timed:
        """Return the fast sweep of some vectors at some layers."""
        newborn = births(self.loaded, layers, vectors)
        rows = vectors * len(MULTIPLIERS)
        least = bounds.sweep(self.loaded, self.items, layers, rows, scope)
        mass = bounds.mass(self.loaded, self.items, rows * len(layers))
        way = partial(fast, self.loaded, self.items, newborn, scope, self.budget)
        return Timed(way, self.unit, least - self._saved(), mass, target, len(self.items))

    def replay(self, layers: Sequence[int], scope: str, target: float) -> Timed:
        """Return the sweep of one vector at some layers over a scope that touches the prompt."""
        newborn = births(self.loaded, layers)
        least = bounds.replay(self.loaded, self.items, layers, len(MULTIPLIERS))
        mass = bounds.mass(self.loaded, self.items, len(MULTIPLIERS) * len(layers))
        way = partial(fast, self.loaded, self.items, newborn, scope, self.budget, replay_sweep)
        return Timed(way, self.unit, least, mass, target, len(self.items))

    def extraction(self, target: float) -> Timed:
        """Return the reading of both completions at every layer."""
        way = partial(read_activations, self.loaded, self.items, self.budget)
        least = bounds.extraction(self.items) - self._saved()
        return Timed(way, self.unit, least, 0.0, target, len(self.items))

    def _saved(self) -> float:
        return bounds.saved(self.items, material.common_length(self.items))


def bare(
    loaded: LoadedModel, items: Sequence[TokenisedItem], budget: int, use_cache: bool = False
) -> None:
    """Run the model once over the prompts, left-padded, unembedding one position."""
    for batch in batches(items, budget):
        prompts = [[*items[i].prompt, *items[i].shared] for i in batch]
        longest = max(map(len, prompts))
        ids = torch.tensor([[0] * (longest - len(p)) + p for p in prompts])
        mask = torch.tensor([[0] * (longest - len(p)) + [1] * len(p) for p in prompts])
        with torch.inference_mode():
            loaded.model(
                input_ids=ids.to(loaded.device),
                attention_mask=mask.to(loaded.device),
                logits_to_keep=1,
                use_cache=use_cache,
            )


def fast(
    loaded: LoadedModel,
    items: Sequence[TokenisedItem],
    newborn: Births,
    scope: str,
    budget: int,
    swept_by: SweepFunction = sweep,
) -> None:
    """Sweep all batches, as `runners.engine.measure` does it."""
    with sharing(loaded, items):
        for batch in batches(items, budget):
            swept_by(loaded, [items[i] for i in batch], newborn, scope)


def vectors(loaded: LoadedModel, layers: Sequence[int], count: int = 1) -> Births:
    """Return random vectors, layer -> float32 [count, d_model]."""
    draw = torch.Generator().manual_seed(2)
    return {layer: 0.1 * torch.randn(count, loaded.d_model, generator=draw) for layer in layers}


def births(
    loaded: LoadedModel,
    layers: Sequence[int],
    count: int = 1,
    multipliers: Sequence[float] = MULTIPLIERS,
) -> Births:
    """Return random vectors times the multipliers, layer -> [count × multipliers, d_model]."""
    factors = torch.tensor(multipliers)[:, None]
    return {
        layer: (factors * drawn[:, None]).flatten(0, 1)
        for layer, drawn in vectors(loaded, layers, count).items()
    }
