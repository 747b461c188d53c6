"""How often the stated 95 % intervals hold the truth: `python -m tests.analysis.coverage_generalisation`.

Every metric is asked once over all its simulated tables, which lie in one warehouse, each a concept
(or a group of points) of its own. Where an interval is refused (`unclear` denominators) the share of
tables that have one is said beside the coverage among them.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

from tests.analysis.coverage_correlations import correlations
from tests.analysis.coverage_ratios import ratios, side_effects
from tests.analysis.coverage_rows import Row
from tests.analysis.coverage_shifts import cosines, distances, nulls, predictions

PARTS: dict[str, Callable[[int], list[Row]]] = {
    "correlations": lambda tables: correlations(tables * 5 // 2, bootstraps=min(tables, 400)),
    "ratios": ratios,
    "side_effects": side_effects,
    "distances": distances,
    "nulls": nulls,
    "cosines": cosines,
    "predictions": lambda tables: predictions(min(tables, 500)),
}


def line(row: Row) -> str:
    truth = "" if row.truth is None else f"{row.truth:.3f}"
    return f"| {row.metric} | {row.case} | {truth} | {row.tables} | {row.stated:.3f} | {row.rate:.3f} | {row.kind} |"  # fmt: skip


def main() -> None:
    """Print the table; parts may be named."""
    print(
        "| metric | case | truth | tables | stated | rate | kind |\n|---|---|---|---|---|---|---|"
    )
    for name in sys.argv[1:] or PARTS:
        for row in PARTS[name](2000):
            print(line(row), flush=True)


if __name__ == "__main__":
    main()
