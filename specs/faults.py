"""What a user can mend, as one line each: where, what, and the remedy."""

from __future__ import annotations


class Refused(Exception):
    """Input that cannot be used; each of `faults` is one line for stderr, with its remedy.

    The front door prints the lines and exits with 1. Anything else that escapes is our own fault
    and keeps its traceback.
    """

    def __init__(self, *faults: str) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults
