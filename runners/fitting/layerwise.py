"""A method at every layer of a model, one layer's activations in memory at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runners.fitting.geometry import geometry
from runners.fitting.norms import factors
from runners.fitting.recipes import AtLayer
from runners.fitting.stability import stability
from runners.fitting.training import questions_of, residual_norm_of
from runners.methods.pairs import Pairs
from specs.schema import Optimised

if TYPE_CHECKING:
    import numpy as np

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
    questions = questions_of(trainings)
    residual_norm = dict(enumerate(residual_norm_of(trainings).tolist()))
    raw, around = {}, {}
    for layer in range(fitter.bench.loaded.n_layers):
        pairs = Pairs.joined([training.pairs(layer) for training in trainings])
        fit = estimator.settled(pairs) if estimator else None
        raw[layer] = fit(pairs) if fit else sought[layer]
        about = geometry(pairs.positive, pairs.negative, raw[layer])
        around[layer] = about | (stability(pairs, questions, fit) if fit else {})
    factor = factors(raw, norm, base, residual_norm)
    return {
        layer: AtLayer(raw[layer], factor[layer], residual_norm[layer], around[layer])
        for layer in raw
    }


def _sought(fitter: Fitter, how: Fitted) -> dict[int, np.ndarray]:
    """Return the raw vectors of a method that needs the model itself; of others nothing."""
    if not isinstance(how.method, Optimised):
        return {}
    from runners.fitting.optimising import Optimiser

    return Optimiser(fitter, how).whole()
