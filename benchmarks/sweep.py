"""What the engine costs beside bare passes over the same prompts, and how near it is to its bound.

    python -m benchmarks.sweep [--quick] [--items N] [--rounds N] [--threads N] [--only TEXT]

One process, after warm-up, the ways in turn, medians over rounds of the ratio within a round, of
wall and of processor seconds (the machine may serve others too). Bare is the model over the same
left-padded batches with `logits_to_keep=1`. The reference path measures some cells of two items and
is scaled by count. Prints a table to stderr and one JSON object to stdout; every ratio stands
beside its bound (DESIGN 5; less the common tokens that need computing once only).
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import torch

from benchmarks import bounds, material
from benchmarks.timing import alternating, peak_memory, ratio
from benchmarks.ways import Timed, largest_difference, reference, ways
from runners.batches import default_tokens_per_batch

Seconds = Sequence[float]
COLUMNS = (
    "over_bare",
    "over_bare_processor",
    "bound",
    "over_bound",
    "over_bound_processor",
    "bound_with_answer_mass",
)


def measure(options: argparse.Namespace, home: Path) -> dict[str, Any]:
    """Time every way and return what was found."""
    loaded = material.model(home)
    items = material.items(loaded, home, options.items)
    budget = options.tokens_per_batch or default_tokens_per_batch(loaded)
    every = ways(loaded, items, budget)
    chosen = {n: t for n, t in every.items() if options.only in n or n.startswith("bare")}
    slow = reference(loaded, material.apart(items), [3, 11])
    if not options.only:
        chosen["reference path"] = slow
    took = alternating({n: t.way for n, t in chosen.items()}, options.rounds)
    wall = {n: [t.wall * chosen[n].scale for t in some] for n, some in took.items()}
    processor = {n: [t.processor * chosen[n].scale for t in some] for n, some in took.items()}
    return {
        "model": {"parameters": loaded.row["n_parameters"], "layers": loaded.n_layers},
        "items": len(items),
        "mean_prompt_tokens": bounds.prompts(items) / len(items),
        "tokens_per_batch": budget,
        "threads": torch.get_num_threads(),
        "rounds": options.rounds,
        "ways": {n: _row(n, timed, wall, processor) for n, timed in chosen.items()},
        "largest_difference": largest_difference(loaded, items, [0, 7, 15], budget),
    }


def _row(
    name: str, timed: Timed, wall: Mapping[str, Seconds], processor: Mapping[str, Seconds]
) -> dict[str, Any]:
    """Return the numbers of one way."""
    found: dict[str, Any] = {"seconds": median(wall[name])}
    if name == timed.unit:
        cached = partial(timed.way, use_cache=True)
        return found | {
            "peak_bytes": peak_memory(timed.way),
            "peak_bytes_with_cache": peak_memory(cached),
        }
    over_bare, fair = (ratio(some[name], some[timed.unit]) for some in (wall, processor))
    found |= {"over_bare": over_bare, "over_bare_processor": fair}
    if timed.scale != 1:
        whole = "full sweep, decision"
        return found | {
            "over_full_sweep": ratio(wall[name], wall[whole]),
            "over_full_sweep_processor": ratio(processor[name], processor[whole]),
        }
    return found | {
        "bound": timed.bound,
        "over_bound": over_bare / timed.bound,
        "over_bound_processor": fair / timed.bound,
        "bound_with_answer_mass": timed.bound + timed.mass,
        "peak_bytes": peak_memory(timed.way),
    }


def table(found: Mapping[str, Any]) -> str:
    """Return the numbers as lines of text."""
    lines = [
        f"{found['items']} items, {found['mean_prompt_tokens']:.0f} tokens a prompt on average, "
        f"{found['threads']} threads",
        f"{'':36}{'':9}{'x bare':>16}{'':8}{'x its bound':>16}",
        f"{'':36}{'seconds':>9}{'wall':>8}{'cpu':>8}{'bound':>8}{'wall':>8}{'cpu':>8}"
        f"{'+ mass':>8}{'peak MB':>9}",
    ]
    for name, row in found["ways"].items():
        numbers = [
            f"{row['seconds']:9.2f}",
            *(f"{row[key]:8.3f}" if key in row else " " * 8 for key in COLUMNS),
            f"{(row.get('peak_bytes') or 0) / 1e6:9.0f}",
        ]
        lines.append(f"{name:36}{''.join(numbers)}")
    return "\n".join(lines)


def main() -> None:
    """Read the options, measure, print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="30 items, 3 rounds")
    parser.add_argument("--items", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--tokens-per-batch", type=int)
    parser.add_argument("--only", default="", help="ways whose name holds this text, and bare")
    options = parser.parse_args()
    if options.quick:
        options.items, options.rounds = 30, 3
    torch.set_num_threads(options.threads)
    with tempfile.TemporaryDirectory() as home:
        found = measure(options, Path(home))
    print(table(found), file=sys.stderr)
    print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
