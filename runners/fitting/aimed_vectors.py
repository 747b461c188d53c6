"""Vectors that aim at features by an effect approximator: they exist at its layer only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from runners.fitting.norms import BASE, factors
from runners.fitting.recipes import AtLayer, Recipe, planned_vector
from runners.saes.features import Chosen
from specs.faults import Refused

if TYPE_CHECKING:
    from runners.approximator.guided import FgaaFit
    from runners.approximator.shelf import Approximators
    from runners.fitting.fitter import Fitter
    from runners.fitting.vectors import SteeringVector
    from specs.schema import Aimed, Fgaa, Spec


def approximators_of(fitter: Fitter, method: Spec) -> Approximators:
    """Return the approximators of a run.

    Raises:
        Refused: the fitter was made without any, as in benchmarks.
    """
    if fitter.approximators is None:
        raise Refused(f"method {method.name}: no approximators are at hand here; use `run`")
    return fitter.approximators


def aimed_vector(fitter: Fitter, method: Aimed, norm: str | None) -> SteeringVector:
    """Return the vector that aims at the features of a method, at its norm.

    Raises:
        Refused: as `aimed`, `Approximators.get` and the norm have it.
    """
    from runners.approximator.aimed import aimed

    approximators, name = approximators_of(fitter, method), method.approximator
    spec, wanted = approximators.spec(name), fitter.norm_of(method, norm)
    base = fitter.base_vector() if wanted == BASE else None
    own = method.model_dump(include={"bias_weight"})
    features = sorted((each.feature, each.coefficient) for each in method.features)
    sae = approximators.saes.get(spec.sae)
    recipe = Recipe(
        fitter.bench.loaded.model_id,
        method.kind,
        {
            "approximator_id": approximators.identity(name),
            "sae_id": sae.sae_id,
            "features": features,
            **own,
        },
        (),
        wanted,
        base.vector_id if base else None,
    )
    if found := fitter.saved(recipe, method.name):
        return found
    if fitter.plan_only:
        return planned_vector(recipe, method.name, [spec.layer])
    raw = {spec.layer: aimed(method, approximators.get(name).map, sae)}
    factor = factors(raw, wanted, base, {})
    targets = tuple(Chosen(*each) for each in features)
    layers = {
        layer: AtLayer(vector, factor[layer], features=targets) for layer, vector in raw.items()
    }
    return fitter.save(recipe, method.name, layers)


def guided_fit(fitter: Fitter, method: Fgaa) -> FgaaFit:
    """Return what method `fgaa` fits with on one layer's activations."""
    return approximators_of(fitter, method).guided(method)


def guided_parameters(fitter: Fitter, method: Fgaa, found: dict[str, Any]) -> dict[str, Any]:
    """Return the parameters of `fgaa` with ids in the place of names."""
    approximators = approximators_of(fitter, method)
    del found["approximator"], found["density_texts"]
    return {
        **found,
        "approximator_id": approximators.identity(method.approximator),
        "text_set_id": approximators.text_set_id(method.density_texts),
    }
