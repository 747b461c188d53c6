"""Vectors made of an autoencoder's decoder rows: they exist at its layer, and nowhere else."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np

from runners.approximator.guided import FgaaFit
from runners.fitting.aimed_vectors import guided_fit, guided_parameters
from runners.fitting.norms import BASE, factors
from runners.fitting.recipes import AtLayer, Recipe, planned_vector
from runners.saes.features import Chosen, DifferenceFit, OutputScoreFit, decoded
from specs.faults import Refused
from specs.reader import place
from specs.schema import Fgaa, SaeDecoder, SaeDifference, SaeFitted, SaeOutputScore

if TYPE_CHECKING:
    from collections.abc import Iterable

    from runners.fitting.fitter import Fitter
    from runners.fitting.vectors import SteeringVector
    from runners.methods.pairs import Pairs
    from runners.methods.texts import Texts
    from runners.saes.loaded import LoadedSae
    from runners.saes.shelf import Saes
    from specs.schema import Spec

SaeFit = DifferenceFit | OutputScoreFit | FgaaFit


def saes_of(fitter: Fitter, method: Spec) -> Saes:
    """Return the autoencoders of a run.

    Raises:
        Refused: the fitter was made without any, as in benchmarks.
    """
    if fitter.saes is None:
        raise Refused(f"method {method.name}: no sparse autoencoders are at hand here; use `run`")
    return fitter.saes


def layers_of(fitter: Fitter, method: Spec) -> Iterable[int]:
    """Return the layers at which a method has a vector: all, or the autoencoder's."""
    if isinstance(method, SaeDecoder | SaeFitted):
        return [saes_of(fitter, method).layer(method.sae)]
    return range(fitter.bench.loaded.n_layers)


def named_by_id(fitter: Fitter, method: SaeFitted, found: dict[str, Any]) -> dict[str, Any]:
    """Return the parameters of a method with the autoencoder's id for its name."""
    del found["sae"]
    if isinstance(method, Fgaa):
        found = guided_parameters(fitter, method, found)
    return {**found, "sae_id": saes_of(fitter, method).get(method.sae).sae_id}


def sae_fit(fitter: Fitter, method: SaeFitted) -> SaeFit:
    """Return what chooses and decodes features on one layer's activations."""
    saes = saes_of(fitter, method)
    sae = saes.get(method.sae)
    if isinstance(method, SaeDifference):
        return DifferenceFit(sae, method)
    if isinstance(method, Fgaa):
        return guided_fit(fitter, method)
    assert isinstance(method, SaeOutputScore)
    return OutputScoreFit(sae, method, saes.scorer(method))


def chosen(fit: SaeFit, pairs: Pairs | Texts) -> tuple[Chosen, ...]:
    """Return the features of a vector; of the mean over several variants, of all of theirs."""
    parts = np.unique(pairs.part)
    each_alone = [pairs.take(pairs.part == part) for part in parts]
    found = [fit.choose(part.positive, part.negative) for part in each_alone]
    total: Counter[int] = Counter()
    scores = {each.feature: each.output_score for part in found for each in part}
    for each in (each for part in found for each in part):
        total[each.feature] += each.coefficient / len(parts)  # type: ignore[assignment]
    ordered = sorted(total, key=lambda feature: -abs(total[feature]))
    return tuple(Chosen(j, float(total[j]), scores[j]) for j in ordered)


def decoder_vector(fitter: Fitter, method: SaeDecoder, norm: str | None) -> SteeringVector:
    """Return the weighted sum of named decoder rows at its norm.

    Raises:
        Refused: a feature that the autoencoder does not have, and as `Saes.get` and the norm have
            it.
    """
    sae = saes_of(fitter, method).get(method.sae)
    refuse_absent(method, sae)
    wanted = fitter.norm_of(method, norm)
    base = fitter.base_vector() if wanted == BASE else None
    features = tuple(Chosen(each.feature, each.coefficient) for each in method.features)
    recipe = Recipe(
        fitter.bench.loaded.model_id,
        "sae_decoder",
        {"sae_id": sae.sae_id, "features": sorted(each[:2] for each in features)},
        (),
        wanted,
        base.vector_id if base else None,
    )
    if found := fitter.saved(recipe, method.name):
        return found
    if fitter.plan_only:
        return planned_vector(recipe, method.name, [sae.layer])
    raw = {sae.layer: decoded(sae, features)}
    factor = factors(raw, wanted, base, {})
    layers = {sae.layer: AtLayer(raw[sae.layer], factor[sae.layer], features=features)}
    return fitter.save(recipe, method.name, layers)


def refuse_absent(method: SaeDecoder, sae: LoadedSae) -> None:
    """Refuse features that an autoencoder does not have."""
    absent = [each.feature for each in method.features if each.feature >= sae.d_sae]
    if absent:
        raise Refused(
            f"{place(method, ('features',))}: no feature {absent[0]}: SAE {method.sae} has 0 to "
            f"{sae.d_sae - 1:,}"
        )
