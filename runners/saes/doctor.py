"""What `steerhouse doctor --model M --sae S` finds: how well an autoencoder fits a model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from runners.models.doctor_model import Examined
from specs.faults import Refused

if TYPE_CHECKING:
    from specs.catalog import Catalog
    from specs.schema import Model
    from specs.settings import Settings

SECTION = "sae"


def examine(name: str, model: Model, catalog: Catalog, settings: Settings) -> Examined:
    """Return what an SAE spec is on a model, which is loaded; what would refuse it are faults."""
    from runners.models.load import load
    from runners.saes.shelf import Saes

    found = Examined()
    try:
        shelf = Saes(catalog, settings, load(model, settings))
        sae: Any = shelf.unchecked(name)
        found.add("source", sae.source, SECTION)
        found.add("architecture", sae.architecture, SECTION)
        found.add("size", f"{sae.d_sae:,} features of width {sae.d_model}", SECTION)
        for layer, fit in shelf.fits(name).items():
            told = (
                f"explains {fit.explained_variance:.3f} of the variance, {fit.mean_active:.1f} "
                f"features active a token ({fit.n_tokens:,} tokens)"
            )
            own = "its own layer, " if layer == sae.layer else "layer "
            found.add(f"{own}{layer}", told, SECTION)
        shelf.get(name)
    except Refused as refused:
        found.faults += refused.faults
    return found
