"""How the cost of a sweep grows: seconds at a few sizes of each kind, and the fitted exponent.

Beside each stands what benchmarks/bounds.py predicts between the same points: the fitted exponent
of tokens × parameters of the blocks × bound. Attention is no part of the bound, so long prompts
cost somewhat more than it says; and no work is as efficient when it is small.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from benchmarks import bounds, material, report
from benchmarks.timing import Way, alternating
from benchmarks.ways import births, fast
from runners.engine.batches import default_tokens_per_batch

if TYPE_CHECKING:
    from runners.models.load import LoadedModel
    from runners.prompts.positions import TokenisedItem

ITEMS = 40
"""Of every curve but that over items."""
SHARES = (0.125, 0.25, 0.5, 1.0)
"""Of the items and of the model's width."""
COUNTS = (1, 2, 4, 8, 16)
"""Nonzero multipliers, vectors."""
LENGTHS = (32, 64, 128, 256)


class Point(NamedTuple):
    """One size of one kind: what is timed there, and what the bound says it costs."""

    size: float
    way: Way
    cost: float
    """Multiply-adds in the blocks, up to a factor that all points of a curve share."""


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Time every curve and return its points with both exponents."""
    loaded = material.model(options.size, options.device, options.dtype)
    with tempfile.TemporaryDirectory() as home:
        items = material.items(loaded, Path(home), options.items)
    budget = options.tokens_per_batch or default_tokens_per_batch(loaded)
    every = curves(loaded, items, budget, options)
    chosen = {name: points for name, points in every.items() if options.only in name}
    ways = {f"{n}, {p.size:g}": p.way for n, points in chosen.items() for p in points}
    took = alternating(ways, options.rounds).took
    seconds = {name: median(t.wall for t in some) for name, some in took.items()}
    return {
        **report.about(loaded),
        "rounds": options.rounds,
        "curves": {
            name: _curve(points, [seconds[f"{name}, {p.size:g}"] for p in points])
            for name, points in chosen.items()
        },
    }


def curves(
    loaded: LoadedModel,
    items: Sequence[TokenisedItem],
    budget: int,
    options: argparse.Namespace,
) -> dict[str, list[Point]]:
    """Return the points of every curve; sweeps of all layers and six multipliers unless it says."""
    alone = material.apart(items)
    some = material.spread(alone, ITEMS)
    every, middle = list(range(loaded.n_layers)), [loaded.n_layers // 2 - 1]
    point = partial(_point, loaded, budget=budget)
    layers = [n for n in COUNTS if n <= loaded.n_layers]
    return {
        "items": [
            point(n, few, every)
            for n in dict.fromkeys(max(1, round(s * len(alone))) for s in SHARES)
            for few in [material.spread(alone, n)]
        ],
        "layers": [point(n, some, _evenly(loaded.n_layers, n)) for n in layers],
        "multipliers, all layers": [point(n, some, every, multipliers=n) for n in COUNTS],
        "vectors, one layer": [point(n, some, middle, count=n) for n in COUNTS],
        "prompt tokens": [point(n, material.of_length(some, n), every) for n in LENGTHS],
        "model width": _widths(some, budget, options),
    }


def _point(
    loaded: LoadedModel,
    size: float,
    items: Sequence[TokenisedItem],
    layers: Sequence[int],
    multipliers: int = 6,
    count: int = 1,
    *,
    budget: int,
) -> Point:
    """Return a sweep of `count` vectors times so many multipliers at each of `layers`."""
    factors = np.linspace(-1.5, 1.5, multipliers).tolist()
    newborn = births(loaded, layers, count, factors)
    cost = bounds.blocks_cost(loaded, items, layers, multipliers * count, "decision")
    return Point(size, partial(fast, loaded, items, newborn, "decision", budget), cost)


def _widths(
    items: Sequence[TokenisedItem], budget: int, options: argparse.Namespace
) -> list[Point]:
    """Return full sweeps by models of the same depth and vocabulary and of growing width."""
    shape = material.SIZES[options.size]
    head = shape["hidden_size"] // shape["num_attention_heads"]
    points = []
    for heads in dict.fromkeys(max(1, round(s * shape["num_attention_heads"])) for s in SHARES):
        narrower = {
            "hidden_size": head * heads,
            "intermediate_size": shape["intermediate_size"] * heads // shape["num_attention_heads"],
            "num_attention_heads": heads,
            "num_key_value_heads": heads,
        }
        made = material.model(options.size, options.device, options.dtype, **narrower)
        every = list(range(made.n_layers))
        points.append(_point(made, made.d_model, items, every, budget=budget))
    return points


def _evenly(n_layers: int, count: int) -> list[int]:
    """Return `count` layers, evenly spread."""
    return [(2 * k + 1) * n_layers // (2 * count) for k in range(count)]


def _curve(points: Sequence[Point], seconds: Sequence[float]) -> dict[str, Any]:
    sizes, costs = [p.size for p in points], [p.cost for p in points]
    return {
        "sizes": sizes,
        "seconds": list(seconds),
        "exponent": exponent(sizes, seconds),
        "exponent_of_bound": exponent(sizes, costs),
        "cost_of_bound": costs,
    }


def exponent(sizes: Sequence[float], costs: Sequence[float]) -> float | None:
    """Return the least-squares slope of log cost over log size; None for a single size."""
    if len(sizes) < 2:
        return None
    return float(np.polyfit(np.log(sizes), np.log(costs), 1)[0])


def table(found: Mapping[str, Any]) -> str:
    """Return the curves as lines of text."""
    lines = [f"{'':26}{'exponent':>10}{'of bound':>10}   seconds at each size"]
    for name, curve in found["curves"].items():
        steps = zip(curve["sizes"], curve["seconds"], strict=True)
        numbers = "".join(
            f"{'-' if curve[key] is None else format(curve[key], '.2f'):>10}"
            for key in ("exponent", "exponent_of_bound")
        )
        points = "  ".join(f"{size:g}: {s:.2f}" for size, s in steps)
        lines.append(f"{name:26}{numbers}   {points}")
    return "\n".join(lines)
