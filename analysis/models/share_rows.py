"""The rows of an analysis of shares, on their way to SQL."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from analysis.models.designs import Design
from analysis.models.leave_one_out import Sureness

Array = npt.NDArray[np.float64]

FLOOR = "slopes do not differ (standard deviation below slope_floor)"
"""Why nothing can be said of slopes that are all alike."""

_SCHEMA = pa.schema(
    [
        *((name, pa.string()) for name in ("run_id", "kind", "factor", "undetermined")),
        *((name, pa.int64()) for name in ("layer", "n_items", "n_questions", "n_rare")),
        ("n_multipliers", pa.int64()),
        *(
            (name, pa.float64())
            for name in (
                "share", "adjusted", "p", "z_standard_error", "df", "sd_slope", "slope_floor",
            )
        ),
    ]
)  # fmt: skip


class Share(NamedTuple):
    """A share with all that is known of it, arrays over runs and layers; NaN for null."""

    share: Array
    adjusted: Array
    p: Array
    sure: Sureness


class Rows:
    """What was computed, collected by column."""

    def __init__(self) -> None:
        self._parts: list[pa.Table] = []

    def add(
        self,
        design: Design,
        kind: str,
        factor: str,
        found: Share,
        reasons: list[str | None],
        **counts: int | None,
    ) -> None:
        """Add a row for every run and layer of `design`; where a reason stands all is null."""
        n = len(reasons)
        null = np.array([reason is not None for reason in reasons])
        numbers = {
            "share": found.share,
            "adjusted": found.adjusted,
            "p": found.p,
            "z_standard_error": found.sure.standard_error,
            "df": found.sure.df,
        }
        columns: dict[str, Any] = {
            "run_id": design.run_ids,
            "layer": design.layers,
            "kind": [kind] * n,
            "factor": [factor] * n,
            "undetermined": reasons,
            **{name: [value] * n for name, value in counts.items()},
            **{
                name: pa.array(np.where(null, np.nan, value), from_pandas=True)
                for name, value in numbers.items()
            },
            "sd_slope": pa.array(sd(design.slopes), from_pandas=True),
            "slope_floor": design.slope_floors,
            "n_multipliers": design.n_multipliers,
        }
        self._parts.append(pa.table(columns, schema=_SCHEMA))

    def table(self) -> pa.Table:
        """Return all rows; with none, an empty table of the same columns."""
        return pa.concat_tables([_SCHEMA.empty_table(), *self._parts])


def sd(slopes: Array) -> Array:
    """Return the standard deviation over items, NaN for one item."""
    if len(slopes) < 2:
        return np.full(slopes.shape[1], np.nan)
    found: Array = slopes.std(axis=0, ddof=1)
    return found


def spread(design: Design) -> npt.NDArray[np.bool_]:
    """Return where slopes differ by more than the smallest that can be told from nothing."""
    return np.nan_to_num(sd(design.slopes)) >= design.slope_floors
