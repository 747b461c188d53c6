"""A method at every layer of a model, one layer's activations in memory at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from runners.fitting.geometry import geometry
from runners.fitting.norms import factors
from runners.fitting.recipes import AtLayer
from runners.fitting.sae_vectors import chosen, layers_of, sae_fit
from runners.fitting.stability import stability
from runners.methods.pairs import Pairs
from specs.schema import Optimised, SaeFitted

if TYPE_CHECKING:
    from runners.fitting.fitter import Fitted, Fitter
    from runners.fitting.vectors import SteeringVector


def fit_layers(
    fitter: Fitter, how: Fitted, norm: str, base: SteeringVector | None
) -> dict[int, AtLayer]:
    """Return layer -> the fitted vector, its factor to `norm` and the geometry around it.

    Raises:
        Refused: what `Fitter.trainings`, the method or the norm refuses.
    """
    trainings, sought = fitter.trainings(how), _sought(fitter, how)
    estimator = None if sought else fitter.estimator(how)
    items = [len(training.questions) for training in trainings]
    questions = [question for training in trainings for question in training.questions]
    lengths = np.average([t.residual_norm for t in trainings], axis=0, weights=items)
    residual_norm = dict(enumerate(lengths.tolist()))
    raw, around, features = {}, {}, {}
    for layer in layers_of(fitter, how.method):
        pairs = Pairs.joined([training.pairs(layer) for training in trainings])
        fit = estimator.settled(pairs) if estimator else None
        raw[layer] = fit(pairs) if fit else sought[layer]
        if isinstance(how.method, SaeFitted):
            features[layer] = chosen(sae_fit(fitter, how.method), pairs)
        about = geometry(pairs.positive, pairs.negative, raw[layer])
        around[layer] = about | (stability(pairs, questions, fit) if fit else {})
    factor = factors(raw, norm, base, residual_norm)
    return {
        layer: AtLayer(
            raw[layer], factor[layer], residual_norm[layer], around[layer], features.get(layer, ())
        )
        for layer in raw
    }


def _sought(fitter: Fitter, how: Fitted) -> dict[int, np.ndarray]:
    """Return the raw vectors of a method that needs the model itself; of others nothing."""
    if not isinstance(how.method, Optimised):
        return {}
    from runners.fitting.optimising import Optimiser

    return Optimiser(fitter, how).whole()
