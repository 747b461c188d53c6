"""Measure one block: every missing cell of its items in one pass over their prompts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from runners.campaign import rows
from runners.engine.budget import Budget
from specs.faults import Refused

if TYPE_CHECKING:
    import pyarrow as pa

    from runners.campaign.asked import Run
    from runners.engine.chains import Sweep
    from runners.engine.edits import Rows
    from runners.models.load import LoadedModel
    from runners.prompts.positions import TokenisedItem

SweepFunction = Callable[
    ["LoadedModel", "Sequence[TokenisedItem]", "Mapping[int, Rows]", str], "Sweep"
]


class Cell(NamedTuple):
    """One run at one layer and multiplier: a number for each item of the block."""

    run: Run
    layer: int
    multiplier: float


@dataclass
class Measured:
    """The numbers of one block, by item."""

    unsteered: dict[str, tuple[float, float, float]] = field(default_factory=dict)
    """item_id -> logit_diff, answer_logmass, prefix_logprob."""
    scale: float = 0.0
    """Largest answer logit seen, in absolute value: what tolerances are relative to."""
    tables: list[pa.Table] = field(default_factory=list)
    """Measurement rows."""


class Births(NamedTuple):
    """Newborn rows of one scope: what to do where, and which cell each row is."""

    rows: dict[int, Rows]
    """layer -> what each of its chains does."""
    cells: dict[int, list[Cell]]


def births(cells: Sequence[Cell]) -> Births:
    """Stack the cells of one scope by layer."""
    from runners.engine.edits import Edit, rows_of

    by_layer: dict[int, list[Cell]] = defaultdict(list)
    for cell in cells:
        by_layer[cell.layer].append(cell)
    stacked = {
        layer: rows_of(
            [
                Edit(run.operator, multiplier, run.vector.directions[layer].float())
                for run, _, multiplier in of_layer
            ]
        )
        for layer, of_layer in by_layer.items()
    }
    return Births(stacked, dict(by_layer))


def measure_block(
    loaded: LoadedModel,
    items: Sequence[TokenisedItem],
    cells: Sequence[Cell],
    sweep: SweepFunction,
    tokens_per_batch: int | Budget,
) -> Measured:
    """Return the numbers of all `cells` on `items`; cells may be empty (unsteered only).

    Where memory runs out the block is done anew in batches of half the tokens; a `Budget` that is
    given remembers them.

    Raises:
        Refused: a single item does not fit, or what the sweep refuses.
    """
    budget = Budget.of(tokens_per_batch)
    by_scope: dict[str, list[Cell]] = defaultdict(list)
    for cell in cells:
        by_scope[cell.run.scope].append(cell)
    newborn = {scope: births(some) for scope, some in by_scope.items()}
    while True:
        measured = Measured()
        if all(
            _measure_scope(loaded, items, born, scope, sweep, budget, measured)
            for scope, born in (newborn or {"answer": births([])}).items()
        ):
            return measured


def _measure_scope(
    loaded: LoadedModel,
    items: Sequence[TokenisedItem],
    newborn: Births,
    scope: str,
    sweep: SweepFunction,
    budget: Budget,
    measured: Measured,
) -> bool:
    """Add the cells of one scope, and the unsteered numbers, to `measured`; False: too large."""
    shape = {layer: (len(items), len(cells)) for layer, cells in newborn.cells.items()}
    logit_diff = {layer: np.empty(size, np.float32) for layer, size in shape.items()}
    logmass = {layer: np.empty(size, np.float32) for layer, size in shape.items()}

    def do(batch: list[int]) -> None:
        result = sweep(loaded, [items[i] for i in batch], newborn.rows, scope)
        for layer, answers in result.steered.items():
            logit_diff[layer][batch] = answers.logit_diff.cpu().numpy()
            # Two sums of one distribution, rounded apart: a mass never exceeds 1.
            logmass[layer][batch] = answers.answer_logmass.cpu().clamp(max=0).numpy()
        _unsteered(result, [items[i].item_id for i in batch], measured)

    from runners.engine.prefix import sharing

    with sharing(loaded, items):
        if not budget.fits(items, do):
            return False
    names = [item.item_id for item in items]
    for layer, cells in newborn.cells.items():
        measured.tables.append(
            rows.measurements(
                [cell.run.run_id for cell in cells],
                [cell.multiplier for cell in cells],
                layer,
                names,
                logit_diff[layer],
                logmass[layer],
            )
        )
    return True


def _unsteered(result: Sweep, item_ids: Sequence[str], measured: Measured) -> None:
    """Keep the unsteered numbers of a batch and the scale of its logits."""
    columns = (result.unsteered.logit_diff, result.unsteered.answer_logmass, result.prefix_logprob)
    values = zip(*(column.cpu().tolist() for column in columns), strict=True)
    measured.unsteered.update(zip(item_ids, values, strict=True))
    measured.scale = max(measured.scale, float(result.unsteered.largest.max()))


def new_baselines(
    evaluation_id: str,
    items: Sequence[TokenisedItem],
    measured: Measured,
    stored: Mapping[str, float],
    allowed: float,
) -> list[dict[str, object]]:
    """Return baseline rows for the items that have none yet.

    `stored` holds the unsteered logit differences of the warehouse; those stay, and are compared.

    Raises:
        Refused: an unsteered number differs from the stored one by more than `allowed`.
    """
    new = []
    for item in items:
        logit_diff, logmass, prefix = measured.unsteered[item.item_id]
        if item.item_id in stored:
            gap = abs(stored[item.item_id] - logit_diff)
            if not gap <= allowed:
                raise Refused(
                    f"item {item.item_id}: unsteered logit difference is {logit_diff:.6g}, the "
                    f"warehouse holds {stored[item.item_id]:.6g} (tolerance {allowed:.2g}): the "
                    "same model gives other numbers here; use the device it was measured on, or "
                    "another --home"
                )
            continue
        new.append(
            {
                "evaluation_id": evaluation_id,
                "item_id": item.item_id,
                "logit_diff": logit_diff,
                "answer_logmass": min(logmass, 0.0),
                "prefix_logprob": prefix,
                "prompt_tokens": len(item.prompt),
                "positive_tokens": len(item.shared) + len(item.positive),
                "negative_tokens": len(item.shared) + len(item.negative),
                "prompt_text": item.text,
            }
        )
    return new
