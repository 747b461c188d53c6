"""What the engine costs beside bare passes over the same prompts, and how near it is to its bound.

    python -m benchmarks.sweep [--quick] [--items N] [--rounds N] [--threads N] [--only TEXT]
        [--peer-python PATH] [--device cuda --dtype bfloat16 --size 7b] [--curves]

One process, after warm-up, the ways in turn, medians over rounds of the ratio within a round, of
wall and of processor seconds (the machine may serve others too). Bare is the model over the same
left-padded batches with `logits_to_keep=1`. The reference path, and the library of the seeds where
`--peer-python` names its environment (benchmarks/ask_peer.py says how to make it), measure a few
cells and are scaled by count. Prints tables to stderr and one JSON object to stdout; every ratio
stands beside its bound (bounds.py; less the common tokens that need computing once only).
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import torch

from benchmarks import bounds, curves, material, report, slow
from benchmarks.ask_peer import Peer
from benchmarks.memory import peak_memory
from benchmarks.timing import Timings, alternating, matmul_peak, ratio
from benchmarks.ways import SWEPT, Group, Timed, ways
from runners.engine.batches import default_tokens_per_batch


class Clock(NamedTuple):
    """The seconds of every round: way -> rounds."""

    wall: dict[str, list[float]]
    processor: dict[str, list[float]]

    @classmethod
    def of(cls, timings: Timings) -> Clock:
        """Return the two clocks of some timings."""
        took = timings.took.items()
        return cls(
            {name: [t.wall for t in some] for name, some in took},
            {name: [t.processor for t in some] for name, some in took},
        )

    def ratios(self, name: str, unit: str, scale: float = 1.0) -> tuple[float, float]:
        """Return how many times `unit` one way takes, on either clock."""
        wall, processor = (scale * ratio(clock[name], clock[unit]) for clock in self)
        return wall, processor


def measure(options: argparse.Namespace, home: Path) -> dict[str, Any]:
    """Time every way and return what was found."""
    loaded = material.model(options.size, options.device, options.dtype)
    items = material.items(loaded, home, options.items)
    budget = options.tokens_per_batch or default_tokens_per_batch(loaded)
    found: dict[str, Any] = {
        **report.about(loaded),
        "items": len(items),
        "mean_prompt_tokens": bounds.prompts(items) / len(items),
        "tokens_per_batch": budget,
        "rounds": options.rounds,
        "largest_difference": slow.largest_difference(loaded, items, budget),
    }
    alone = material.apart(items)
    chosen = {**ways(loaded, items, budget), **slow.reference(loaded, alone)}
    with ExitStack() as stack:
        if options.peer_python:
            peer = slow.start_peer(loaded, alone, budget, options.peer_python, home)
            stack.callback(peer.stop)
            chosen |= slow.of_peer(peer, len(items))
            found["peer"] = _about_peer(peer)
        chosen = _chosen(chosen, options.only)
        timings = alternating({n: t.way for n, t in chosen.items()}, options.rounds)
    clock = Clock.of(timings)
    apart = Group(loaded, alone, budget, "bare, apart")
    with_cache = peak_memory(lambda: apart.bare(use_cache=True))
    return found | {
        "peak_bytes_bare_with_cache": with_cache,
        "prompt_pass": _prompt_pass(apart, clock),
        "ways": {
            name: _row(name, timed, clock) | {"peak_bytes": timings.peak_bytes[name]}
            for name, timed in chosen.items()
            if not timed.counts
        },
        "slow": {
            label: _slow(name, timed, scale, clock)
            for name, timed in chosen.items()
            for label, scale in timed.counts.items()
        },
    }


def _chosen(every: dict[str, Timed], only: str) -> dict[str, Timed]:
    """Return the ways whose name holds `only`, with the bare passes they are measured in."""
    wanted = {name for name in every if only in name}
    units = {every[name].unit for name in wanted} | {"bare, apart"}
    swept = {SWEPT} if any(every[name].counts for name in wanted) else set()
    return {name: timed for name, timed in every.items() if name in wanted | units | swept}


def _about_peer(peer: Peer) -> dict[str, Any]:
    return {
        **peer.libraries,
        "largest_difference_in_logits": peer.largest_difference(),
        "prompt_tokens_one_at_a_time": bounds.prompts(peer.few) / len(peer.few),
        "prompt_tokens_batched": bounds.prompts(peer.batch) / len(peer.batch),
    }


def _prompt_pass(group: Group, clock: Clock) -> dict[str, float]:
    """Return what share of the matmul peak the bare pass over the prompts reaches."""
    rate = bounds.flops(group.loaded, group.items) / median(clock.wall[group.unit])
    peak = matmul_peak(group.loaded.device, group.loaded.dtype)
    return {"flops": rate, "matmul_peak_flops": peak, "share_of_peak": rate / peak}


def _row(name: str, timed: Timed, clock: Clock) -> dict[str, Any]:
    """Return the numbers of one way of the engine, or of a bare pass."""
    found: dict[str, Any] = {"items": timed.n_items, "seconds": median(clock.wall[name])}
    if timed.bound is None:
        return found
    wall, processor = clock.ratios(name, timed.unit)
    return found | {
        "over_bare": wall,
        "over_bare_processor": processor,
        "bound": timed.bound,
        "over_bound": wall / timed.bound,
        "over_bound_processor": processor / timed.bound,
        "share_of_bound": timed.bound / wall,
        "bound_with_answer_mass": timed.bound + timed.mass,
        "target_over_bound": timed.target,
    }


def _slow(name: str, timed: Timed, scale: float, clock: Clock) -> dict[str, Any]:
    """Return the numbers of a slow path, scaled to a full sweep over all items."""
    over_bare, over_bare_processor = clock.ratios(name, timed.unit, scale)
    found = {
        "seconds_timed": median(clock.wall[name]),
        "scale": scale,
        "seconds": median(clock.wall[name]) * scale,
        "over_bare": over_bare,
        "over_bare_processor": over_bare_processor,
    }
    if scale == 1:
        return found
    wall, processor = clock.ratios(name, SWEPT, scale)
    return found | {"over_full_sweep": wall, "over_full_sweep_processor": processor}


def arguments(given: list[str] | None = None) -> argparse.Namespace:
    """Return what the command line asks for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="30 items, 3 rounds")
    parser.add_argument("--curves", action="store_true", help="costs at several sizes instead")
    parser.add_argument("--items", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--tokens-per-batch", type=int)
    parser.add_argument("--only", default="", help="ways whose name holds this text, and bare")
    parser.add_argument("--peer-python", help="interpreter of the peer's environment")
    parser.add_argument("--size", choices=material.SIZES, default="60m")
    parser.add_argument("--device", default="cpu", help="cpu, cuda or cuda:N")
    parser.add_argument("--dtype", choices=("float32", "bfloat16", "float16"), default="float32")
    options = parser.parse_args(given)
    if options.quick:
        options.items, options.rounds = 30, 3
    return options


def main() -> None:
    """Read the options, measure, print."""
    options = arguments()
    torch.set_num_threads(options.threads)
    if options.curves:
        found = curves.measure(options)
        print(curves.table(found), file=sys.stderr)
    else:
        with tempfile.TemporaryDirectory() as home:
            found = measure(options, Path(home))
        print(report.table(found), file=sys.stderr)
    print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
