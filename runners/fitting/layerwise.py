"""A method at every layer of a model, one layer's activations in memory at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runners.fitting.around_texts import around_texts
from runners.fitting.geometry import geometry
from runners.fitting.given import given
from runners.fitting.norms import factors
from runners.fitting.recipes import AtLayer
from runners.fitting.sae_vectors import chosen, layers_of, sae_fit
from runners.fitting.stability import stability
from runners.fitting.training import joined, questions_of, residual_norm_of
from runners.methods.texts import Texts
from specs.schema import Optimised, SaeFitted

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np

    from runners.fitting.estimator import Estimator
    from runners.fitting.fitter import Fitted, Fitter
    from runners.fitting.vectors import SteeringVector
    from runners.methods.pairs import Pairs


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
    raw, around, features = {}, {}, {}
    for layer in layers_of(fitter, how.method):
        pairs = joined(trainings, layer)
        own = given(fitter, how, pairs)
        fit = estimator.settled(own) if estimator else None
        raw[layer] = fit(own) if fit else sought[layer]
        if isinstance(how.method, SaeFitted):
            features[layer] = chosen(sae_fit(fitter, how.method), own)
        around[layer] = _around(pairs, own, questions, raw[layer], fit)
    factor = factors(raw, norm, base, residual_norm)
    return {
        layer: AtLayer(
            raw[layer], factor[layer], residual_norm[layer], around[layer], features.get(layer, ())
        )
        for layer in raw
    }


def _around(
    pairs: Pairs | Texts,
    own: Pairs | Texts,
    questions: Sequence[str],
    vector: np.ndarray,
    fit: Estimator | None,
) -> dict[str, float]:
    """Return the columns of `vector_layer` about the activations, and fits on `own`."""
    if isinstance(pairs, Texts):
        assert isinstance(own, Texts)
        return around_texts(pairs, own, questions, vector, fit) if fit else {}
    about = geometry(pairs.positive, pairs.negative, vector)
    return about | (stability(pairs, questions, fit) if fit else {})


def _sought(fitter: Fitter, how: Fitted) -> dict[int, np.ndarray]:
    """Return the raw vectors of a method that needs the model itself; of others nothing."""
    if not isinstance(how.method, Optimised):
        return {}
    from runners.fitting.optimising import Optimiser

    return Optimiser(fitter, how).whole()
