"""Measure random rows of the warehouse again by the reference path (`run --verify N`)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from runners.console import say
from runners.fitting.draws import generator

if TYPE_CHECKING:
    import duckdb

    from runners.campaign.asked import Run, Unit
    from runners.engine.reference import Answer
    from runners.models.load import LoadedModel
    from runners.prompts.positions import TokenisedItem
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
    """Measure `count` random stored rows again; return rows of `verification`, judged.

    In half precision a float32 copy of the model measures them too, where memory allows.
    """
    from runners.campaign.verdict import judged
    from warehouse.connect import connect

    picked = _picks(units, count)
    loaded = units[0].bench.loaded
    with connect(settings.home) as connection:
        stored = [_stored(connection, pick) for pick in picked]
    pairs = [(p, n) for p, n in zip(picked, stored, strict=True) if n is not None]
    found = [_again(loaded, pick, number, execution_id) for pick, number in pairs]
    if found and loaded.dtype.itemsize < 4:
        _in_float32(loaded, [pick for pick, _ in pairs], found, settings)
    # An item with small answer logits still has rounding of the model's usual size.
    largest = max((row["scale"] for row in found), default=0.0)
    return judged([{**row, "scale": largest} for row in found], loaded)


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
    answer = _reference(loaded, pick)
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


def _in_float32(
    loaded: LoadedModel, picks: Sequence[Pick], found: list[dict[str, Any]], settings: Settings
) -> None:
    """Add what the reference path of a float32 copy says, where such a copy fits."""
    from runners.models.load import load

    if lack := _lacks_memory(loaded):
        say(f"the model's own rounding in half precision is not measured: {lack}")
        return
    unsteered = [_reference(loaded, pick, steered=False) for pick in picks]
    whole = load(loaded.spec.model_copy(update={"dtype": "float32"}), settings)
    for row, pick, base in zip(found, picks, unsteered, strict=True):
        row["reference_unsteered"] = base.logit_diff
        row["float32"] = _reference(whole, pick).logit_diff
        row["float32_unsteered"] = _reference(whole, pick, steered=False).logit_diff


def _lacks_memory(loaded: LoadedModel) -> str | None:
    """Return why a float32 copy cannot stand beside the model; None where it can, or may spread."""
    from runners.models.free_memory import free_memory
    from runners.models.offload import spread

    needed = 4 * int(loaded.row["n_parameters"])
    free = free_memory(loaded.device)
    if needed <= 0.9 * free or spread(loaded.model):
        return None
    return (
        f"a float32 copy takes {needed / 2**30:.1f} GiB, and {free / 2**30:.1f} GiB are free on "
        f"{loaded.device}"
    )


def _reference(loaded: LoadedModel, pick: Pick, steered: bool = True) -> Answer:
    """Return the answer of one pick by the reference path, with its vector or without."""
    from runners.engine.edits import Edit
    from runners.engine.reference import measure

    run = pick.run
    if not steered:
        return measure(loaded, pick.item, run.scope)
    edit = Edit(run.operator, pick.multiplier, run.vector.directions[pick.layer].float())
    return measure(loaded, pick.item, run.scope, pick.layer, edit)
