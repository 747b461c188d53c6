"""What a user can mend, as one line each: where, what, and the remedy."""

from __future__ import annotations


class WarehouseRefused(Exception):
    """A warehouse, staged file or query that cannot be used; each of `faults` is one line.

    The front door prints the lines and exits with 1, as for `specs.faults.Refused` (the two rooms
    import nothing of ours, so each has its own).
    """

    def __init__(self, *faults: str) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults
