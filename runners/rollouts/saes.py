"""The sparse autoencoders that an experiment reads its rollouts by."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from runners.campaign.campaign import Campaign
    from runners.saes.loaded import LoadedSae
    from specs.catalog import Catalog
    from specs.schema import Experiment


def read_by(experiment: Experiment, catalog: Catalog) -> list[str]:
    """Return the names of the SAEs that an experiment's rollouts are read by, each once."""
    asked = experiment.rollouts
    return catalog.resolve("saes", asked.saes) if asked else []


def load_saes(campaign: Campaign) -> tuple[LoadedSae, ...]:
    """Return them, checked against the model; what they are is staged with the plan.

    Raises:
        Refused: what the campaign's own shelf of SAEs refuses.
    """
    names = read_by(campaign.experiment, campaign.catalog)
    return tuple(campaign.saes.get(name) for name in names)
