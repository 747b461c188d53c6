"""What fitting an effect approximator costs: seconds and memory, on random numbers.

    python -m benchmarks.approximator [--rows 2000 --inputs 256 --outputs 1024] [--adam]

`--rows 50000 --inputs 2304 --outputs 16384` is the size that Chalnev et al. 2024 publish for
Gemma-2-2B. Blocks of vectors and effects are drawn as they are asked for, in the place of being
read from disk: their seconds are told apart, their memory is not. Prints a table to stderr and one
JSON object to stdout. Memory is what the process holds at its peak, and what it held before.
"""

from __future__ import annotations

import argparse
import json
import platform
import resource
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import torch
from torch import Tensor

from runners.approximator.adam import fit_adam
from runners.approximator.linear_map import Block, Rows
from runners.approximator.reverse import causes, neighbours
from runners.approximator.ridge import RunningSums
from runners.approximator.skill import held_out_skill
from specs.schema import MapFit

T = TypeVar("T")
HELD_OUT = 0.02
KEPT = 20
"""Causes and neighbours of each feature, as specs have it by default."""
GIB = 2**30


@dataclass
class Drawn:
    """Random examples, drawn anew each time a block is asked for."""

    n: int
    d_model: int
    d_sae: int
    size: int
    processor: float = 0.0
    """Processor seconds spent on drawing."""

    def sizes(self) -> list[int]:
        """Return how many vectors each block has."""
        return [min(self.size, self.n - start) for start in range(0, self.n, self.size)]

    def block(self, number: int) -> Block:
        """Return one block."""
        began = time.process_time()
        draw = torch.Generator().manual_seed(number)
        n = self.sizes()[number]
        x = torch.nn.functional.normalize(torch.randn(n, self.d_model, generator=draw))
        y = torch.randn(n, self.d_sae, generator=draw)
        self.processor += time.process_time() - began
        return x, y


@dataclass
class Ledger:
    """Seconds of each part, less those of drawing, and the peak of memory behind it."""

    examples: Drawn
    parts: dict[str, dict[str, float]] = field(default_factory=dict)

    def timed(self, name: str, do: Callable[[], T]) -> T:
        """Do a part of the work and book it."""
        drawn, wall, processor = self.examples.processor, time.perf_counter(), time.process_time()
        found = do()
        drawn = self.examples.processor - drawn
        self.parts[name] = {
            "wall": time.perf_counter() - wall - drawn,
            "processor": time.process_time() - processor - drawn,
            "peak_gib": peak(),
        }
        return found


def peak() -> float:
    """Return what the process has held at most so far, GiB."""
    held = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return held * (1 if platform.system() == "Darwin" else 1024) / GIB


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Return seconds and memory of each part of making an approximator."""
    shape = options.rows, options.inputs, options.outputs
    examples = Drawn(*shape, options.block)
    examples.block(0)  # what the libraries allocate once is there before
    before = peak()
    n_held = max(2, round(HELD_OUT * options.rows))
    training, held = Rows(examples, n_held, options.rows), Rows(examples, 0, n_held)
    ledger = Ledger(examples)
    sums = RunningSums(options.inputs, options.outputs)

    def add() -> None:
        for number in range(len(training.sizes())):
            sums.add(*training.block(number))

    ledger.timed("sums", add)
    found = ledger.timed("solve", lambda: sums.solve(1.0))
    skill = ledger.timed("skill", lambda: held_out_skill(found, held))
    del sums.xx, sums.xy
    decoder: Tensor = torch.randn(options.outputs, options.inputs)
    ledger.timed("causes", lambda: causes(found, decoder, KEPT))
    ledger.timed("neighbours", lambda: neighbours(decoder, KEPT))
    if options.adam:
        one = MapFit(kind="adam", epochs=1, validation=min(100, options.rows // 10))
        ledger.timed("adam, one epoch", lambda: fit_adam(training, one))
    return {
        "rows": options.rows,
        "inputs": options.inputs,
        "outputs": options.outputs,
        "block": options.block,
        "threads": torch.get_num_threads(),
        "before_gib": before,
        "peak_gib": peak(),
        "drawing_processor": examples.processor,
        "r2_of_noise": float(1 - skill.squared_error.sum() / skill.squared_deviation.sum()),
        "parts": ledger.parts,
    }


def table(found: Mapping[str, Any]) -> str:
    """Return seconds and memory as lines of text."""
    lines = [
        f"{found['rows']:,} vectors of {found['inputs']:,} -> {found['outputs']:,} features, "
        f"blocks of {found['block']}, {found['threads']} thread(s)",
        f"{'':18}{'wall s':>9}{'processor s':>13}{'peak GiB':>10}",
        f"{'before':18}{'':>22}{found['before_gib']:10.2f}",
    ]
    for name, spent in found["parts"].items():
        lines.append(
            f"{name:18}{spent['wall']:9.1f}{spent['processor']:13.1f}{spent['peak_gib']:10.2f}"
        )
    return "\n".join(lines)


def main() -> None:
    """Read the options, measure, print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rows", type=int, default=2000, help="vectors")
    parser.add_argument("--inputs", type=int, default=256, help="width of the residual stream")
    parser.add_argument("--outputs", type=int, default=1024, help="features")
    parser.add_argument("--block", type=int, default=256, help="vectors of a block")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--adam", action="store_true", help="one epoch of Adam too")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    found = measure(options)
    print(table(found), file=sys.stderr)
    print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
