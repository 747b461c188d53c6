"""One writer at a time: a lock file that dies with its holder."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from warehouse.faults import WarehouseRefused

WAIT = 60.0
"""Seconds that a second writer waits for the first."""


@contextmanager
def locked(home: Path, wait: float | None = None) -> Iterator[None]:
    """Hold `<home>/warehouse.lock`; raises WarehouseRefused, naming the holder, after `wait` s.

    The kernel drops the lock when its holder ends, however it ends, so that none is ever stale.
    """
    home.mkdir(parents=True, exist_ok=True)
    file = home / "warehouse.lock"
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        _acquire(descriptor, file, WAIT if wait is None else wait)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, str(os.getpid()).encode(), 0)
        yield
    finally:
        os.close(descriptor)


def _acquire(descriptor: int, file: Path, wait: float) -> None:
    deadline = time.monotonic() + wait
    while True:
        try:
            return fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                holder = os.pread(descriptor, 32, 0).decode() or "unknown"
                raise WarehouseRefused(
                    f"{file}: process {holder} has been writing to the warehouse for more than "
                    f"{wait:g} s; try again when it is done (what is staged stays staged)"
                ) from None
            time.sleep(0.05)
