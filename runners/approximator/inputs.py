"""Which vectors are tried: unit decoder rows of a sparse autoencoder in a drawn order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from specs.faults import Refused
from specs.identity import canonical_json, sha256

if TYPE_CHECKING:
    from torch import Tensor

    from runners.saes.loaded import LoadedSae
    from specs.schema import Inputs


def drawn_features(n_features: int, seed: int) -> list[int]:
    """Return all features of an autoencoder in an order drawn for each by itself.

    The first n are a random sample for every n, so that asking for more adds to what is there.
    """
    return sorted(
        range(n_features), key=lambda feature: sha256(canonical_json(["input", seed, feature]))
    )


def n_wanted(inputs: Inputs, sae: LoadedSae) -> int:
    """Return how many vectors a spec asks for.

    Raises:
        Refused: the autoencoder has fewer features.
    """
    wanted = inputs.features or sae.d_sae
    if wanted > sae.d_sae:
        raise Refused(
            f"inputs: {wanted} features of {inputs.sae}, which has {sae.d_sae}; ask for fewer, or "
            "leave `features` out for all"
        )
    return wanted


def n_held_out(n: int, share: float) -> int:
    """Return how many of n vectors, the first in the drawn order, are kept from the fit.

    Raises:
        Refused: fewer than two are left on either side.
    """
    found = round(share * n)
    if found < 2 or n - found < 2:
        raise Refused(
            f"held_out: {share:g} of {n} vectors leaves {found} to judge by and {n - found} to "
            "fit on; at least two of each are needed"
        )
    return found


def input_vectors(sae: LoadedSae, features: list[int]) -> Tensor:
    """Return the unit decoder rows of some features, float32 [n, d_model] on the CPU."""
    from runners.approximator.reverse import unit_rows

    return unit_rows(sae.decoder[features].cpu())
