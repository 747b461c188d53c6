"""One line of the figures on reliability: how often an interval held the truth, and how wide it was."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tests.analysis.simulated import Asked


@dataclass(frozen=True)
class Row:
    """One line of the table of figures."""

    metric: str
    case: str
    share: float
    """Share of tables whose interval holds the truth, or of verdicts of that kind."""
    low: float
    """What the share may be, apart from the noise of simulating."""
    high: float
    width: float = np.nan
    """Mean width of the interval."""
    edge: bool = False

    def holds(self, tables: int) -> bool:
        """Return whether the share is within its limits, three standard errors allowed."""
        slack = 3 * np.sqrt(0.05 * 0.95 / tables)
        return self.low - slack <= self.share <= self.high + slack

    def __str__(self) -> str:
        where = "edge" if self.edge else ""
        return (
            f"{self.metric:<34}{self.case:<44}{self.share:>8.4f}{self.width:>9.3f}  "
            f"{self.low:.3f}-{self.high:.3f} {where}"
        )


def covered(
    metric: str, case: str, found: tuple[np.ndarray, np.ndarray], truth: object,
    fraction: bool = False, edge: bool = False,
) -> Row:  # fmt: skip
    low, high = found
    value = np.asarray(truth)
    hit = (low <= value + 1e-9) & (value - 1e-9 <= high)
    limits = (0.94, 1.0) if fraction or edge else (0.935, 0.965)
    return Row(metric, case, float(hit.mean()), *limits, float(np.mean(high - low)), edge)


def ask(asked: Asked, name: str, family: str, *ends: str, **given: str) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    found = asked.columns(name, family, *ends, **given)
    return found[ends[0]], found[ends[1]]
