"""The layers that validation chooses, from the warehouse, and how sure each choice is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from runners.campaign.campaign import Campaign

LEVEL = 0.05
"""A validation slope whose p against null vectors is at least this may be theirs."""


class Choice(NamedTuple):
    """The layer that a run's validation slopes choose."""

    layer: int
    slope: float
    """Validation steerability there, logits per multiplier."""
    n_candidates: int
    """Layers that stood for choice."""


def best(campaign: Campaign) -> dict[str, Choice]:
    """Return run_id -> the candidate layer with the largest validation steerability."""
    from warehouse import queries
    from warehouse.connect import connect

    with connect(campaign.settings.home) as connection:
        found = queries.rows(
            connection,
            "layer_choice",
            run_ids=campaign.choosing_runs(),
            layers=list(campaign.layers),
            multipliers=list(campaign.experiment.multipliers),
            limit=campaign.experiment.limit,
        )
    return {run_id: Choice(*choice) for run_id, *choice in found}


def like_null(campaign: Campaign, choices: Mapping[str, Choice]) -> dict[str, str]:
    """Return run_id -> which null vectors a choice's validation slope cannot be told from."""
    from warehouse import queries
    from warehouse.connect import connect

    if not choices:
        return {}
    with connect(campaign.settings.home) as connection:
        found = queries.rows(
            connection,
            "choice_nulls",
            run_ids=list(choices),
            layers=[choice.layer for choice in choices.values()],
            slopes=[choice.slope for choice in choices.values()],
            multipliers=list(campaign.experiment.multipliers),
        )
    alike: dict[str, list[str]] = {}
    for run_id, kind, n, p in found:
        if p is not None and p >= LEVEL:
            alike.setdefault(run_id, []).append(f"p = {p:.2g} against {n} {kind}")
    return {run_id: ", ".join(said) for run_id, said in alike.items()}
