"""The multiplier at which a vector costs a text set so much: rollouts at equal damage.

Two rules (Chalnev, Siu and Conmy 2024). The paper's: cross-entropy rises by so many nats over the
unsteered one. Its code's: the first multiplier of a grid whose cross-entropy is above an absolute
number, on the straight line through that point and the one before.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor

from runners.campaign.asked import Asked
from runners.console import say
from runners.damage.asked import TextUnit
from runners.damage.sweep import Damages, damage_sweep
from runners.damage.texts import tokenise_texts
from runners.engine.budget import Budget
from runners.engine.edits import Edit, rows_of
from specs import operators

if TYPE_CHECKING:
    from runners.campaign.campaign import Campaign
    from specs.schema import Rise

LENGTHS = tuple(2.0**power for power in range(-4, 14))
"""Absolute lengths of multiplier times vector that are tried first, shortest first."""
AT_ONCE = 6
INSIDE = 7
"""Points inside a bracket that are tried next."""
ROUNDS = 2

Costs = Callable[[Tensor], Tensor]
"""Returns of multipliers [n, k] of n vectors by how much the cross-entropy rises, [n, k]."""


class Raised(NamedTuple):
    """Vectors with the multiplier that was found for each."""

    asked: list[Asked]
    rows: list[dict[str, Any]]
    """Of `rise_multiplier`."""
    texts: TextUnit


def raised(campaign: Campaign, rise: Rise, wanted: Sequence[Asked]) -> Raised:
    """Return `wanted` with the multiplier that `rise` gives each; those it gives none are left out.

    What the warehouse has is not looked for again; operators without a graded multiplier keep it.

    Raises:
        Refused: a text set that cannot be read, or a damage that is not finite.
    """
    from builders.text_sets import read_text_set

    read = read_text_set(campaign.catalog.get("text_sets", rise.text_set))
    texts = TextUnit(campaign.loaded, tokenise_texts(campaign.loaded, read), [])
    rule, target = ("rise", rise.nats) if rise.loss is None else ("loss", rise.loss)
    graded = [one for one in wanted if operators.graded(one.run.operator)]
    places = list({_key(one): one for one in graded}.values())
    known = _known(campaign, texts.evaluation_id, rule, target)
    missing = [one for one in places if _key(one) not in known]
    if missing:
        found = _found(texts, rise, missing, campaign)
        about = {"evaluation_id": texts.evaluation_id, "rule": rule, "target": target}
        for one, row in zip(missing, found, strict=True):
            if row is not None:
                known[_key(one)] = {**_row(one), **about, **row}
    told = f"{campaign.loaded.spec.name}: {len(places)} multiplier(s) by text set {read.spec.name}"
    lost = [one for one in places if _key(one) not in known]
    if lost:
        names = ", ".join(sorted({one.run.vector.name for one in lost}))
        told += f"; {len(lost)} vector(s) never cost it that much and are left out ({names})"
    say(told)
    asked = []
    for one in wanted:
        if not operators.graded(one.run.operator):
            asked.append(one)
        elif row := known.get(_key(one)):
            asked.append(Asked(one.run, one.split, one.layer, (row["multiplier"],)))
    rows = [known[_key(one)] for one in places if _key(one) in known]
    return Raised(list(dict.fromkeys(asked)), rows, texts)


def _key(one: Asked) -> tuple[str, str, int]:
    return one.run.vector.vector_id, one.run.operator, one.layer


def _row(one: Asked) -> dict[str, Any]:
    return dict(zip(("vector_id", "operator", "layer"), _key(one), strict=True))


def _known(
    campaign: Campaign, evaluation_id: str, rule: str, target: float
) -> dict[tuple[str, str, int], dict[str, Any]]:
    """Return what the warehouse has, by vector, operator and layer."""
    from warehouse import queries
    from warehouse.connect import connect
    from warehouse.relations import arrow_schema

    if not (campaign.settings.home / "warehouse.duckdb").exists():
        return {}
    names = arrow_schema("rise_multiplier").names
    with connect(campaign.settings.home) as connection:
        found = queries.rows(
            connection, "rise_multipliers", evaluation_id=evaluation_id, rule=rule, target=target
        )
    rows = [dict(zip(names, row, strict=True)) for row in found]
    return {(row["vector_id"], row["operator"], row["layer"]): row for row in rows}


def _found(
    texts: TextUnit, rise: Rise, missing: Sequence[Asked], campaign: Campaign
) -> list[dict[str, Any] | None]:
    """Return multiplier, cross_entropy and rise of each vector, None where there is no such one."""
    from runners.campaign.budgets import Budgets

    budgets = Budgets.kept(campaign.settings.home, campaign.loaded, None)
    budget = budgets.at(f"{texts.evaluation_id}/rise")
    unsteered = [0.0]

    def costs(multipliers: Tensor) -> Tensor:
        found, unsteered[0] = text_costs(texts, missing, multipliers, budget)
        return found

    if rise.loss is None:
        lengths = [float(one.run.vector.directions[one.layer].norm()) for one in missing]
        multipliers = by_rise(costs, torch.tensor(lengths, dtype=torch.float64), rise.nats)
    else:
        grid = torch.tensor(rise.grid, dtype=torch.float64).expand(len(missing), -1)
        curve = costs(grid)
        multipliers = by_loss(grid, curve + unsteered[0], rise.loss)
    usable = multipliers.nan_to_num(0.0)
    there = costs(usable[:, None])[:, 0]
    columns = zip(multipliers.tolist(), there.tolist(), strict=True)
    return [
        None
        if multiplier != multiplier
        else {
            "multiplier": multiplier,
            "cross_entropy": unsteered[0],
            "cross_entropy_rise": cost,
        }
        for multiplier, cost in columns
    ]


def by_rise(costs: Costs, lengths: Tensor, nats: float) -> Tensor:
    """Return the smallest multipliers [n] at which `costs` reach `nats`; nan where none does.

    `lengths` [n] are those of the vectors. Multipliers grow until the cost is reached; the bracket
    is cut twice into eight parts, and the straight line through the last one is taken.
    """
    n = len(lengths)
    low, high = torch.zeros(n, dtype=torch.float64), torch.full((n,), torch.nan).double()
    below, above = torch.zeros(n, dtype=torch.float64), torch.full((n,), torch.nan).double()
    ladder = torch.tensor(LENGTHS, dtype=torch.float64)
    for some in torch.split(ladder, AT_ONCE):
        points = some / lengths[:, None]
        _narrow(points, costs(points), nats, low, high, below, above)
        if bool((high.isfinite() | ~lengths.gt(0)).all()):
            break
    for _ in range(ROUNDS):
        steps = torch.arange(1, INSIDE + 1, dtype=torch.float64) / (INSIDE + 1)
        points = (low[:, None] + (high - low)[:, None] * steps).nan_to_num(0.0)
        cost = costs(points)
        open_ = high.isfinite()
        top, height = high.clone(), above.clone()
        high[open_], above[open_] = torch.nan, torch.nan
        _narrow(points, cost, nats, low, high, below, above)
        kept = open_ & high.isnan()  # the crossing is in the last part
        high[kept], above[kept] = top[kept], height[kept]
    return low + (nats - below) / (above - below) * (high - low)


def _narrow(
    points: Tensor,
    cost: Tensor,
    nats: float,
    low: Tensor,
    high: Tensor,
    below: Tensor,
    above: Tensor,
) -> None:
    """Bring the brackets that are open (`high` nan) to the first of `points` that costs enough."""
    for column in range(points.shape[1]):
        open_ = high.isnan() & points[:, column].isfinite()
        reached = open_ & (cost[:, column] >= nats)
        high[reached], above[reached] = points[reached, column], cost[reached, column]
        short = open_ & ~reached & (points[:, column] > low)
        low[short], below[short] = points[short, column], cost[short, column]


def by_loss(grid: Tensor, loss: Tensor, target: float) -> Tensor:
    """Return for each row of `loss` [n, k] over `grid` [n, k] where it first passes `target`, [n].

    On the straight line through that point and the one before; nan where none passes, or the first
    one does already.
    """
    found = torch.full((len(loss),), torch.nan, dtype=torch.float64)
    for row, passed in enumerate((loss > target).tolist()):
        k = passed.index(True) if True in passed else 0
        if k:
            (x1, x2), (y1, y2) = grid[row, k - 1 : k + 1], loss[row, k - 1 : k + 1]
            found[row] = x1 + (target - y1) / (y2 - y1) * (x2 - x1)
    return found


def text_costs(
    texts: TextUnit, wanted: Sequence[Asked], multipliers: Tensor, budget: Budget
) -> tuple[Tensor, float]:
    """Return the rise [n, k] of n vectors at k multipliers each, and the unsteered cross-entropy.

    Means over all tokens of the set but each text's first, nats.
    """
    items = texts.tokenised.texts
    of_layer: dict[int, list[tuple[int, int]]] = {}
    for i, one in enumerate(wanted):
        of_layer.setdefault(one.layer, []).extend((i, k) for k in range(multipliers.shape[1]))
    births = {
        layer: rows_of(
            [
                Edit(
                    wanted[i].run.operator,
                    float(multipliers[i, k]),
                    wanted[i].run.vector.directions[layer].float(),
                )
                for i, k in places
            ]
        )
        for layer, places in of_layer.items()
    }
    found = Damages.empty(len(items), births)

    def do(batch: list[int]) -> None:
        some = damage_sweep(texts.loaded, [items[i] for i in batch], births, budget.tokens)
        found.cross_entropy[batch] = some.cross_entropy
        for layer in births:
            found.rise[layer][batch] = some.rise[layer]

    while not budget.fits(items, do):
        pass
    weights = torch.tensor([len(item.prompt) - 1 for item in items], dtype=torch.float64)
    weights /= weights.sum()
    costs = torch.zeros(multipliers.shape, dtype=torch.float64)
    for layer, places in of_layer.items():
        rows, columns = torch.tensor(places).unbind(-1)
        costs[rows, columns] = weights @ found.rise[layer]
    return costs, float(weights @ found.cross_entropy)
