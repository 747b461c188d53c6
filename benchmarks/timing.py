"""Seconds and memory of several ways to do a thing, in one process, in turn."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping, Sequence
from statistics import median
from typing import NamedTuple

import torch

from benchmarks.memory import peak_memory

Way = Callable[..., object]


class Took(NamedTuple):
    """What one call took, in seconds."""

    wall: float
    processor: float
    """Summed over threads: where others use the machine too, the fairer of the two."""


class Timings(NamedTuple):
    """What each way took in each round, and what memory it needed in the warm-up."""

    took: dict[str, list[Took]]
    peak_bytes: dict[str, int | None]


def alternating(ways: Mapping[str, Way], rounds: int) -> Timings:
    """Time each way in each round, in turn; one round before them warms up and tells the memory."""
    found = Timings({name: [] for name in ways}, {})
    for turn in range(rounds + 1):
        for name, way in ways.items():
            if turn:
                took = timed(way)
                found.took[name].append(took)
                _say(f"round {turn} of {rounds}: {name} {took.wall:.2f} s")
            else:
                found.peak_bytes[name] = peak_memory(way)
                _say(f"warm-up: {name}")
    return found


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def timed(way: Way) -> Took:
    """Return what one call takes, the device's work included.

    A way that answers with a `Took` of its own kept time itself: it ran in another process.
    """
    wall, processor = time.perf_counter(), time.process_time()
    answer = way()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    if isinstance(answer, Took):
        return answer
    return Took(time.perf_counter() - wall, time.process_time() - processor)


def ratio(one: Sequence[float], unit: Sequence[float]) -> float:
    """Return the median over rounds of one way's seconds in units of another's of that round."""
    return median(a / b for a, b in zip(one, unit, strict=True))


def matmul_peak(device: torch.device, dtype: torch.dtype) -> float:
    """Return the most multiply-add FLOP/s that square products of several sizes reach here."""
    sizes = (4096, 8192, 16384) if device.type == "cuda" else (512, 1024, 2048)
    return max(_matmul_rate(size, device, dtype) for size in sizes)


def _matmul_rate(
    size: int, device: torch.device, dtype: torch.dtype, seconds: float = 0.3
) -> float:
    one, other = (torch.randn(size, size, device=device, dtype=dtype) for _ in range(2))
    into = torch.empty_like(one)

    def some(times: int) -> float:
        return timed(lambda: [torch.matmul(one, other, out=into) for _ in range(times)]).wall

    some(3)
    times = max(3, int(seconds / max(some(3) / 3, 1e-6)))
    return 2 * size**3 * times / some(times)
