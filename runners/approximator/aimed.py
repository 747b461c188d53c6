"""The raw vector that a method aims with, from its spec and an approximator."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from runners.approximator.vectors import sae_ts, sae_ts_pinv, sae_ts_rotation
from specs.faults import Refused
from specs.reader import place
from specs.schema import SaeTs, SaeTsRotation

if TYPE_CHECKING:
    from runners.approximator.linear_map import LinearMap
    from runners.saes.loaded import LoadedSae
    from specs.schema import AimedMethod


def in_float64(found: LinearMap) -> tuple[np.ndarray, np.ndarray]:
    """Return M [d_model, d_sae] and b [d_sae] as the pure functions take them."""
    return found.weights.double().numpy(), found.bias.double().numpy()


def target_of(method: AimedMethod, d_sae: int) -> np.ndarray:
    """Return the target t, float64 [d_sae]: the coefficients of the features named, else 0.

    Raises:
        Refused: a feature that the autoencoder does not have.
    """
    target = np.zeros(d_sae)
    for number, each in enumerate(method.features):
        if each.feature >= d_sae:
            raise Refused(
                f"{place(method, ('features', number, 'feature'))}: no feature {each.feature}; "
                f"approximator {method.approximator} foretells 0 to {d_sae - 1:,}"
            )
        target[each.feature] += each.coefficient
    return target


def aimed(method: AimedMethod, found: LinearMap, sae: LoadedSae) -> np.ndarray:
    """Return the raw vector of a method, float64 [d_model]; `sae` is the approximator's.

    Raises:
        Refused: as `target_of`, and a target that no vector moves.
    """
    weights, bias = in_float64(found)
    target = target_of(method, len(bias))
    if not np.any(weights @ target):
        raise Refused(
            f"{place(method, ('features',))}: of the vectors that approximator "
            f"{method.approximator} was fitted on none moves what is named here; name other "
            "features (`steerhouse analyse approximator_skill` counts those that are moved)"
        )
    if isinstance(method, SaeTs):
        return sae_ts(weights, bias, target, method.bias_weight)
    if isinstance(method, SaeTsRotation):
        decoder = sae.decoder.double().cpu().numpy()
        return sae_ts_rotation(weights, bias, decoder, target, method.bias_weight)
    return sae_ts_pinv(weights, bias, target)
