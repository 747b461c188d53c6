"""Which cells an experiment asks for: its rows of `experiment_run`, replaced whole."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from runners.campaign.asked import Unit
    from runners.campaign.campaign import Campaign
    from runners.campaign.outcome import Outcome
    from runners.damage.asked import TextUnit
    from runners.rollouts.asked import RolloutUnit


def first(experiment: str, home: Path, units: Sequence[Unit]) -> list[dict[str, Any]]:
    """Return what choosing layers asks, where the warehouse knows nothing of the experiment."""
    from warehouse import file, queries
    from warehouse.connect import connect

    if file.path(home).exists():
        with connect(home) as connection:
            if (experiment,) in queries.rows(connection, "experiments"):
                return []
    return rows(experiment, units)


def whole(
    campaign: Campaign,
    units: Sequence[Unit],
    texts: Sequence[TextUnit | RolloutUnit],
    outcome: Outcome,
) -> list[dict[str, Any]]:
    """Return all that the experiment asks, its other models included: it is replaced whole.

    Models whose turn comes later keep what they were asked before; the last one drops the rest.
    """
    from warehouse import file, queries
    from warehouse.connect import connect
    from warehouse.relations import arrow_schema

    experiment, home = campaign.experiment.name, campaign.settings.home
    of_texts = [row for unit in texts for row in unit.rows(experiment)]
    for row in [*rows(experiment, units), *of_texts]:
        key = (row["run_id"], row["split"], row["layer"], row["multiplier"])
        outcome.asked.setdefault(key, row)
    asked = list(outcome.asked.values())
    outcome.model_ids.append(campaign.loaded.model_id)
    if outcome.models_left == 0 or not file.path(home).exists():
        return asked
    with connect(home) as connection:
        others = queries.rows(
            connection, "asked_elsewhere", experiment=experiment, model_ids=outcome.model_ids
        )
    names = arrow_schema("experiment_run").names
    return asked + [dict(zip(names, row, strict=True)) for row in others]


def rows(experiment: str, units: Sequence[Unit]) -> list[dict[str, Any]]:
    """Return what the experiment asks, a row each run, split, layer and multiplier."""
    return [
        {
            "experiment": experiment,
            "run_id": one.run.run_id,
            "split": one.split,
            "layer": one.layer,
            "multiplier": multiplier,
            "n_asked": len(unit.bench.item_ids(one.split, unit.limit)),
        }
        for unit in units
        for one in unit.asked
        for multiplier in one.multipliers
    ]
