"""How much memory is still to be had, on a GPU or beside it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

MEMINFO = Path("/proc/meminfo")
CGROUP = Path("/sys/fs/cgroup")


def free_memory(device: torch.device) -> int:
    """Return the free bytes of a device; of the machine, or of its container, for a CPU."""
    import torch

    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    return min([_machine(), *_container()])


def _machine() -> int:
    """Return what can be had without swapping; half of all memory where the system does not say."""
    if MEMINFO.exists():
        for line in MEMINFO.read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2


def _container() -> list[int]:
    """Return what the container's limit leaves; nothing where there is none (cgroup v2).

    Cached files count as used there, but go when memory is wanted.
    """
    try:
        limit, used = (int((CGROUP / f"memory.{word}").read_text()) for word in ("max", "current"))
        stat = dict(line.split() for line in (CGROUP / "memory.stat").read_text().splitlines())
    except (OSError, ValueError):  # "max": no limit
        return []
    return [max(0, limit - used + int(stat.get("inactive_file", 0)))]
