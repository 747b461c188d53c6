"""How much memory a way needs: the tensors that live at once, and what a process holds."""

from __future__ import annotations

import gc
from collections.abc import Callable

import torch


def peak_memory(way: Callable[..., object]) -> int:
    """Return the bytes of tensors that one call has alive at once, beside what is there before.

    On a CPU by the profiler's record of every allocation: what a process holds says more of the
    allocator than of the call.
    """
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        way()
        return torch.cuda.max_memory_allocated() - before
    cpu = torch.profiler.ProfilerActivity.CPU
    with torch.profiler.profile(activities=[cpu], profile_memory=True) as profile:
        way()
    events = [e for e in profile.profiler.kineto_results.events() if e.name() == "[memory]"]
    alive = most = 0
    for event in sorted(events, key=lambda e: e.start_ns()):
        alive += event.nbytes()
        most = max(most, alive)
    return most
