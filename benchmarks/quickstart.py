"""What the quickstart's sweep costs: against the reference path, and against bare forward passes.

    python -m benchmarks.quickstart [CONCEPT]

One process, after warm-up, the three ways in turn, medians of five. The reference path measures
every cell of a few items and is scaled by count; bare is the model over the same batches with
`logits_to_keep=1`. Prints one JSON object with seconds, ratios and the bound (bounds.py).
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import torch

from runners.campaign.asked import Run
from runners.campaign.bench import Bench
from runners.engine.batches import batches, default_tokens_per_batch
from runners.engine.chains import sweep
from runners.engine.measure import Cell, births, measure_block
from runners.engine.reference_sweep import reference_sweep
from runners.fitting.fitter import Fitter
from runners.models.load import load
from specs.catalog import open as open_catalog
from specs.settings import Settings

if TYPE_CHECKING:
    from runners.models.load import LoadedModel
    from runners.prompts.positions import TokenisedItem

MULTIPLIERS = (-1.5, -1.0, -0.5, 0.5, 1.0, 1.5)
REPEATS = 5
REFERENCE_ITEMS = 2


def bare(loaded: LoadedModel, items: Sequence[TokenisedItem], budget: int) -> None:
    """Run the model once over the prompts, left-padded, unembedding one position."""
    for batch in batches(items, budget):
        prompts = [[*items[i].prompt, *items[i].shared] for i in batch]
        longest = max(map(len, prompts))
        ids = torch.tensor([[0] * (longest - len(p)) + p for p in prompts])
        mask = torch.tensor([[0] * (longest - len(p)) + [1] * len(p) for p in prompts])
        with torch.inference_mode():
            loaded.model(input_ids=ids, attention_mask=mask, logits_to_keep=1, use_cache=False)


def bound(loaded: LoadedModel, items: Sequence[TokenisedItem], cells: Sequence[Cell]) -> float:
    """Return 1 + t·Σ(L − 1 − layer)·m / (L·P): chain tokens over prompt tokens."""
    n_layers = loaded.n_layers
    prompt = sum(item.decision + 1 for item in items)
    stem = sum(1 + len(item.shared) for item in items)
    later = sum((n_layers - 1 - cell.layer) / n_layers for cell in cells)
    return 1 + stem * later / prompt


def timed(way: Callable[[], object]) -> float:
    """Return the seconds one call takes."""
    start = time.perf_counter()
    way()
    return time.perf_counter() - start


def measure(concept: str) -> dict[str, Any]:
    """Time the three ways on one concept's test split, all layers × six nonzero multipliers."""
    from builders.build import build

    home = Path(tempfile.mkdtemp())
    settings = Settings(home=home)
    catalog = open_catalog(settings)
    loaded = load(catalog.get("models", "reference"), settings)
    variant = catalog.get("variants", "base")
    spec = catalog.get("concepts", concept)
    bench = Bench(loaded, spec, build(spec, [variant], settings), {"base": variant})
    budget = default_tokens_per_batch(loaded)
    method = catalog.get("methods", "mean_difference")
    vector = Fitter(bench, home, {}, budget).vector(method, "base", None, 0)
    run = Run.of(bench, "base", vector, "add", "answer")
    cells = [Cell(run, layer, m) for layer in range(loaded.n_layers) for m in MULTIPLIERS]
    items = [bench.tokenised("base").fit[i] for i in bench.item_ids("test")]
    few = items[:REFERENCE_ITEMS]
    ways: dict[str, Callable[[], object]] = {
        "bare": lambda: bare(loaded, items, budget),
        "fast": lambda: measure_block(loaded, items, cells, sweep, budget),
        "reference": lambda: measure_block(loaded, few, cells, reference_sweep, budget),
    }
    for way in ways.values():
        way()
    times = [{name: timed(way) for name, way in ways.items()} for _ in range(REPEATS)]
    seconds = {name: median(t[name] for t in times) for name in ways}
    seconds["reference"] *= len(items) / len(few)
    return {
        "concept": concept,
        "items": len(items),
        "mean_prompt_tokens": sum(i.decision + 1 for i in items) / len(items),
        "layers": loaded.n_layers,
        "nonzero_multipliers": len(MULTIPLIERS),
        "measurements": len(items) * len(cells),
        "seconds": seconds,
        "fast_over_bare": seconds["fast"] / seconds["bare"],
        "bound_over_bare": bound(loaded, items, cells),
        "reference_over_fast": seconds["reference"] / seconds["fast"],
        "largest_difference": _difference(loaded, few, cells),
        "threads": torch.get_num_threads(),
    }


def _difference(
    loaded: LoadedModel, items: Sequence[TokenisedItem], cells: Sequence[Cell]
) -> float:
    """Return the largest difference of the two paths in logits, over every cell of `items`."""
    newborn = births(cells).rows
    fast = sweep(loaded, items, newborn, "answer").steered
    slow = reference_sweep(loaded, items, newborn, "answer").steered
    return max(float((fast[k].logit_diff - slow[k].logit_diff).abs().max()) for k in slow)


if __name__ == "__main__":
    print(json.dumps(measure(sys.argv[1] if len(sys.argv) > 1 else "kind"), indent=2))
