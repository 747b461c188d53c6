"""The ways that are timed: the engine's, each beside the bare pass it is measured in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import torch

from benchmarks import bounds, material
from benchmarks.timing import Way
from runners.batches import batches
from runners.chains import sweep
from runners.extraction import read_activations
from runners.prefix import sharing
from runners.reference_sweep import reference_sweep

if TYPE_CHECKING:
    from runners.load import LoadedModel
    from runners.positions import TokenisedItem

MULTIPLIERS = (-1.5, -1.0, -0.5, 0.5, 1.0, 1.5)
"""Nonzero ones of seven: the unsteered chain is the seventh."""
VECTORS = 6
Births = Mapping[int, torch.Tensor]


class Timed(NamedTuple):
    """One way, the bare pass it is measured in, and what it must cost at least in that unit."""

    way: Way
    unit: str
    bound: float = 1.0
    mass: float = 0.0
    """What the answer mass adds; no part of the bound of DESIGN 5."""
    scale: float = 1.0
    """Its cells are so many times fewer than a full sweep's."""


def ways(loaded: LoadedModel, items: Sequence[TokenisedItem], budget: int) -> dict[str, Timed]:
    """Return every way, over prompts with nothing in common and over prompts half in common."""
    every, middle = list(range(loaded.n_layers)), [loaded.n_layers // 2 - 1]
    found: dict[str, Timed] = {}
    for kind, some in (
        ("apart", material.apart(items)),
        ("as they are", list(items)),
        ("half common", material.half_common(items)),
    ):
        group = Group(loaded, some, budget, f"bare, {kind}")
        found[group.unit] = Timed(partial(bare, loaded, some, budget), group.unit)
        if kind == "apart":
            found["full sweep, decision"] = group.sweep(every, 1, "decision")
            found["full sweep, answer"] = group.sweep(every, 1, "answer")
            found["one layer"] = group.sweep(middle, 1, "decision")
            found["six vectors, one layer"] = group.sweep(middle, VECTORS, "decision")
            found["extraction"] = group.extraction()
        elif kind == "as they are":
            found["full sweep, decision, as they are"] = group.sweep(every, 1, "decision")
        else:
            found["one layer, half common"] = group.sweep(middle, 1, "decision")
            found["extraction, half common"] = group.extraction()
    return found


class Group(NamedTuple):
    """Prompts, with the bare pass over them as unit."""

    loaded: LoadedModel
    items: Sequence[TokenisedItem]
    budget: int
    unit: str

    def sweep(self, layers: Sequence[int], vectors: int, scope: str) -> Timed:
        """Return the fast sweep of some vectors at some layers."""
        newborn = births(self.loaded, layers, vectors)
        rows = vectors * len(MULTIPLIERS)
        least = bounds.sweep(self.loaded, self.items, layers, rows, scope)
        mass = bounds.mass(self.loaded, self.items, 1 + rows * len(layers))
        way = partial(fast, self.loaded, self.items, newborn, scope, self.budget)
        return Timed(way, self.unit, least - self._saved(), mass)

    def extraction(self) -> Timed:
        """Return the reading of both completions at every layer."""
        way = partial(read_activations, self.loaded, self.items, self.budget)
        return Timed(way, self.unit, bounds.extraction(self.items) - self._saved())

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
    loaded: LoadedModel, items: Sequence[TokenisedItem], newborn: Births, scope: str, budget: int
) -> None:
    """Sweep all batches, as `runners.measure` does it."""
    with sharing(loaded, items):
        for batch in batches(items, budget):
            sweep(loaded, [items[i] for i in batch], newborn, scope)


def births(loaded: LoadedModel, layers: Sequence[int], vectors: int = 1) -> Births:
    """Return random vectors times the multipliers, layer by layer."""
    draw = torch.Generator().manual_seed(2)
    found = {}
    for layer in layers:
        drawn = 0.1 * torch.randn(vectors, 1, loaded.d_model, generator=draw)
        found[layer] = (torch.tensor(MULTIPLIERS)[:, None] * drawn).flatten(0, 1)
    return found


def reference(loaded: LoadedModel, items: Sequence[TokenisedItem], layers: Sequence[int]) -> Timed:
    """Return the reference path over two items and some layers, to be scaled by count."""
    few, newborn = items[:2], births(loaded, layers)
    cells = len(few) * (1 + len(MULTIPLIERS) * len(layers))
    whole = len(items) * (1 + len(MULTIPLIERS) * loaded.n_layers)
    way = partial(reference_sweep, loaded, few, newborn, "decision")
    return Timed(way, "bare, apart", 1.0, 0.0, whole / cells)


def largest_difference(
    loaded: LoadedModel, items: Sequence[TokenisedItem], layers: Sequence[int], budget: int
) -> dict[str, float]:
    """Return how far the fast sweep lies from the reference path over two items, in logits.

    The items stand in the batch they are swept in, among others.
    """
    newborn = births(loaded, layers)
    batch = batches(items, budget)[0]
    some = [items[i] for i in batch]
    quick = sweep(loaded, some, newborn, "answer")
    slow = reference_sweep(loaded, some[:2], newborn, "answer")
    gaps = [
        (quick.steered[k].logit_diff[:2] - slow.steered[k].logit_diff).abs().max() for k in layers
    ]
    largest = max(float(slow.steered[k].largest.max()) for k in layers)
    return {"logits": float(max(gaps)), "of_largest_logit": float(max(gaps)) / largest}
