"""Measure random rows of the warehouse again by the reference path (`run --verify N`)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from runners.console import say
from runners.draws import generator
from specs.faults import Refused

if TYPE_CHECKING:
    import duckdb
    import torch

    from runners.asked import Run, Unit
    from runners.load import LoadedModel
    from runners.positions import TokenisedItem
    from specs.settings import Settings


class Pick(NamedTuple):
    """One stored number to measure again."""

    run: Run
    item: TokenisedItem
    layer: int
    multiplier: float


def verify(
    units: Sequence[Unit], count: int, settings: Settings, execution_id: str
) -> list[dict[str, Any]]:
    """Measure `count` random stored rows again; return rows of `verification`.

    Raises:
        Refused: a stored number differs from the reference path by more than the tolerance of the
            model's dtype; each line names one, at most five.
    """
    from warehouse.connect import connect

    picked = _picks(units, count)
    loaded = units[0].bench.loaded
    with connect(settings.home) as connection:
        stored = [_stored(connection, pick) for pick in picked]
    found = [
        _again(loaded, pick, number, execution_id)
        for pick, number in zip(picked, stored, strict=True)
        if number is not None
    ]
    # An item with small answer logits still has rounding of the model's usual size.
    largest = max((row["scale"] for row in found), default=0.0)
    found = [{**row, "scale": largest} for row in found]
    _tell(found, loaded.dtype)
    return found


def _picks(units: Sequence[Unit], count: int) -> list[Pick]:
    """Draw cells evenly over what is asked, then an item of each; the same draw every time."""
    cells = [
        (unit, one, multiplier)
        for unit in units
        for one in unit.asked
        for multiplier in one.multipliers
    ]
    rng = generator("verify", count=count, cells=len(cells))
    picked = []
    for index in rng.integers(len(cells), size=2 * count):
        unit, one, multiplier = cells[index]
        fit = unit.bench.tokenised(unit.variant).fit
        items = [i for i in unit.bench.item_ids(one.split, unit.limit) if i in fit]
        if items:
            item = fit[items[int(rng.integers(len(items)))]]
            picked.append(Pick(one.run, item, one.layer, multiplier))
    # Twice the same cell would be one row: a pick is known by what it is stored under.
    keys = {(p.run.run_id, p.item.item_id, p.layer, p.multiplier): p for p in picked}
    return list(keys.values())[:count]


def _stored(connection: duckdb.DuckDBPyConnection, pick: Pick) -> float | None:
    """Return the number the warehouse holds for a pick."""
    from warehouse import queries

    rows = queries.rows(
        connection,
        "stored_logit_diff",
        run_id=pick.run.run_id,
        item_id=pick.item.item_id,
        layer=pick.layer,
        multiplier=pick.multiplier,
    )
    return float(rows[0][0]) if rows else None


def _again(loaded: LoadedModel, pick: Pick, stored: float, execution_id: str) -> dict[str, Any]:
    """Measure one pick by the reference path."""
    from runners.reference import measure

    delta = pick.multiplier * pick.run.vector.directions[pick.layer].float()
    answer = measure(loaded, pick.item, pick.run.scope, pick.layer, delta)
    return {
        "run_id": pick.run.run_id,
        "item_id": pick.item.item_id,
        "layer": pick.layer,
        "multiplier": pick.multiplier,
        "logit_diff": stored,
        "reference": answer.logit_diff,
        "scale": answer.largest,
        "execution_id": execution_id,
    }


def _tell(found: Sequence[dict[str, Any]], dtype: torch.dtype) -> None:
    """Report the largest difference; refuse what is beyond the tolerance."""
    from runners.selfcheck import tolerance

    gaps = [
        (abs(r["logit_diff"] - r["reference"]) / tolerance(dtype, r["scale"]), r) for r in found
    ]
    wrong = [row for share, row in gaps if not share <= 1]
    if wrong:
        raise Refused(
            *(
                f"run {r['run_id']}, item {r['item_id']}, layer {r['layer']}, multiplier "
                f"{r['multiplier']:g}: stored {r['logit_diff']:.6g}, reference path "
                f"{r['reference']:.6g}, tolerance {tolerance(dtype, r['scale']):.2g}; `steerhouse "
                f"warehouse forget --run {r['run_id']}` removes the run"
                for r in wrong[:5]
            )
        )
    if gaps:
        largest = max(abs(row["logit_diff"] - row["reference"]) for _, row in gaps)
        say(
            f"verified {len(gaps)} random rows by the reference path: largest difference "
            f"{largest:.2g} logits, at most {max(share for share, _ in gaps):.0%} of the tolerance"
        )
