"""When the next request may begin, for all threads of a judge together."""

from __future__ import annotations

import threading
import time


class Pace:
    """At most so many requests a minute, and none while the endpoint asks to wait."""

    def __init__(self, per_minute: float | None) -> None:
        self.stopped = threading.Event()
        """Set where no further request may begin; it ends all waits."""
        self._gap = 60 / per_minute if per_minute else 0.0
        self._next = 0.0
        self._lock = threading.Lock()

    def turn(self) -> bool:
        """Wait for the turn of one request; return False where no more may begin."""
        while not self.stopped.is_set():
            with self._lock:
                now = time.monotonic()
                if now >= self._next:
                    self._next = now + self._gap
                    return True
                wait = self._next - now
            self.stopped.wait(wait)
        return False

    def hold(self, seconds: float) -> None:
        """Let no request begin for so long."""
        with self._lock:
            self._next = max(self._next, time.monotonic() + seconds)
