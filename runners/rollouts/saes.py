"""The sparse autoencoders that an experiment reads its rollouts by."""

from __future__ import annotations

from typing import TYPE_CHECKING

from specs.faults import Refused

if TYPE_CHECKING:
    from runners.campaign.campaign import Campaign
    from runners.saes.loaded import LoadedSae


def load_saes(campaign: Campaign) -> tuple[LoadedSae, ...]:
    """Return the SAEs that the experiment's rollouts name, loaded.

    Raises:
        Refused: what the SAE's own loader refuses, or an SAE that does not fit the model.
    """
    asked = campaign.experiment.rollouts
    names = campaign.catalog.resolve("saes", asked.saes) if asked and asked.saes else []
    found = tuple(_load(campaign, name) for name in names)
    loaded = campaign.loaded
    for name, sae in zip(names, found, strict=True):
        if sae.d_model != loaded.d_model or not 0 <= sae.layer < loaded.n_layers:
            raise Refused(
                f"experiment {campaign.experiment.name}: SAE {name} is of layer {sae.layer} and "
                f"width {sae.d_model}, model {loaded.spec.name} has layers 0 to "
                f"{loaded.n_layers - 1} of width {loaded.d_model}; name an SAE of this model"
            )
    return found


def _load(campaign: Campaign, name: str) -> LoadedSae:
    raise Refused(f"SAE {name}: SAEs cannot be loaded yet")
