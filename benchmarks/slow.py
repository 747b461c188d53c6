"""What the engine is compared with: the reference path, and the library of the seeds."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import material
from benchmarks.ask_peer import BATCH_CELLS, Peer
from benchmarks.ways import MULTIPLIERS, Timed, births, vectors
from runners.engine.batches import batches
from runners.engine.chains import sweep
from runners.engine.reference_sweep import reference_sweep

if TYPE_CHECKING:
    from runners.models.load import LoadedModel
    from runners.prompts.positions import TokenisedItem

FEW = 2
ALL_MULTIPLIERS = (*MULTIPLIERS, 0.0)
"""The peer measures multiplier 0 like any other, at every layer, as the seeds do."""
SOME_MULTIPLIERS = (-1.5, 0.0, 1.0)
"""Those it is timed at: every one costs the same."""
UNIT = "bare, apart"


def two_layers(loaded: LoadedModel) -> list[int]:
    """Return an early and a late layer: a slow path costs the same at each."""
    return [loaded.n_layers // 4, 3 * loaded.n_layers // 4]


def reference(loaded: LoadedModel, items: Sequence[TokenisedItem]) -> dict[str, Timed]:
    """Return the reference path over two items and two layers, and how often that is a sweep.

    Counted as one pass a measurement, multiplier 0 of every layer included, and as the path is
    really run: unsteered once an item.
    """
    few, layers = material.spread(items, FEW), two_layers(loaded)
    timed = len(few) * (1 + len(MULTIPLIERS) * len(layers))
    each = loaded.n_layers * len(ALL_MULTIPLIERS)
    once = 1 + loaded.n_layers * len(MULTIPLIERS)
    counts = {
        f"reference, a pass a measurement ({each} an item)": len(items) * each / timed,
        f"reference, unsteered once ({once} an item)": len(items) * once / timed,
    }
    way = partial(reference_sweep, loaded, few, births(loaded, layers), "decision")
    return {"reference": Timed(way, UNIT, counts=counts)}


def start_peer(
    loaded: LoadedModel, items: Sequence[TokenisedItem], budget: int, python: str, home: Path
) -> Peer:
    """Start the library's process on the same model, items and vectors."""
    material.save(loaded, home / "model")
    drawn = {layer: rows[0] for layer, rows in vectors(loaded, two_layers(loaded)).items()}
    peer = Peer.of(loaded, items, drawn, SOME_MULTIPLIERS, budget)
    peer.start(python, home)
    return peer


def of_peer(peer: Peer, n_items: int) -> dict[str, Timed]:
    """Return the library's ways, with how often each is a full sweep, and its bare pass."""
    whole = n_items * peer.loaded.n_layers * len(ALL_MULTIPLIERS)
    one = whole / (len(peer.few) * peer.n_cells)
    many = whole / (len(peer.batch) * min(BATCH_CELLS, peer.n_cells))
    passes = peer.loaded.n_layers * len(ALL_MULTIPLIERS)
    counted = {
        "two_passes": (f"peer, one at a time, as the seeds ({2 * passes} passes an item)", one),
        "one_pass": (f"peer, one at a time, one pass each ({passes} an item)", one),
        "batched_two_passes": (f"peer, batched by {len(peer.batch)}, two passes each", many),
        "batched_one_pass": (f"peer, batched by {len(peer.batch)}, one pass each", many),
    }
    return {
        "peer, bare, few": Timed(
            partial(peer.ask, "bare"), "bare, apart, few", counts={"peer, bare pass (control)": 1.0}
        ),
        **{
            f"peer, {way}": Timed(partial(peer.ask, way), UNIT, counts={label: scale})
            for way, (label, scale) in counted.items()
        },
    }


def largest_difference(
    loaded: LoadedModel, items: Sequence[TokenisedItem], budget: int
) -> dict[str, float]:
    """Return how far the fast sweep lies from the reference path over two items, in logits.

    The items stand in the batch they are swept in, among others; the first, a middle and the last
    layer are swept.
    """
    layers = sorted({0, loaded.n_layers // 2 - 1, loaded.n_layers - 1})
    newborn = births(loaded, layers)
    batch = batches(items, budget)[0]
    some = [items[i] for i in batch]
    quick = sweep(loaded, some, newborn, "answer")
    slow = reference_sweep(loaded, some[:FEW], newborn, "answer")
    gaps = [
        (quick.steered[k].logit_diff[:FEW] - slow.steered[k].logit_diff).abs().max() for k in layers
    ]
    largest = max(float(slow.steered[k].largest.max()) for k in layers)
    return {"logits": float(max(gaps)), "of_largest_logit": float(max(gaps)) / largest}
