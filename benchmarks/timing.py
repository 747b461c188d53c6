"""Seconds and memory of several ways to do a thing, in one process, in turn."""

from __future__ import annotations

import ctypes
import gc
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import NamedTuple

import torch

Way = Callable[..., object]
PEAK, RESET = Path("/proc/self/status"), Path("/proc/self/clear_refs")


class Took(NamedTuple):
    """What one call took, in seconds."""

    wall: float
    processor: float
    """Summed over threads: where others use the machine too, the fairer of the two."""


def alternating(ways: Mapping[str, Way], rounds: int) -> dict[str, list[Took]]:
    """Return what each way took in each round; one round before them warms up."""
    seconds: dict[str, list[Took]] = {name: [] for name in ways}
    for turn in range(rounds + 1):
        for name, way in ways.items():
            took = timed(way)
            print(f"round {turn} of {rounds}: {name} {took.wall:.2f} s", file=sys.stderr)
            if turn:
                seconds[name].append(took)
    return seconds


def timed(way: Way) -> Took:
    """Return what one call takes, the device's work included."""
    wall, processor = time.perf_counter(), time.process_time()
    way()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return Took(time.perf_counter() - wall, time.process_time() - processor)


def ratio(one: Sequence[float], unit: Sequence[float]) -> float:
    """Return the median over rounds of one way's seconds in units of another's of that round."""
    return median(a / b for a, b in zip(one, unit, strict=True))


def peak_memory(way: Way) -> int | None:
    """Return the bytes that one call needs beside what is there before; None where unknown."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        way()
        return torch.cuda.max_memory_allocated() - before
    if not RESET.exists():
        return None
    # What the allocator keeps of earlier calls would hide what this one needs.
    ctypes.CDLL(None).malloc_trim(0)
    before = _resident("VmRSS")
    RESET.write_text("5")
    way()
    return _resident("VmHWM") - before


def _resident(field: str) -> int:
    lines = PEAK.read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{field}:"))
