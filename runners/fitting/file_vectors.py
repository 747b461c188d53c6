"""Vectors of the user's own, read from a file and brought to a norm."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runners.fitting.norms import BASE, factors
from runners.fitting.recipes import AtLayer, Recipe
from runners.methods.vector_file import content_sha256, read_vectors, refuse_another_model

if TYPE_CHECKING:
    from runners.fitting.fitter import Fitter
    from runners.fitting.vectors import SteeringVector
    from specs.schema import VectorFile


def file_vector(fitter: Fitter, method: VectorFile, norm: str | None) -> SteeringVector:
    """Return the vectors of a file at their norm.

    Raises:
        Refused: a file that does not fit the model, or the norm base where it has no meaning.
    """
    loaded, wanted = fitter.bench.loaded, fitter.norm_of(method, norm)
    raw = read_vectors(method, loaded.n_layers, loaded.d_model)
    refuse_another_model(method, loaded.model_id)
    base = fitter.base_vector() if wanted == BASE else None
    recipe = Recipe(
        loaded.model_id,
        "file",
        {"sha256": content_sha256(raw)},
        (),
        wanted,
        base.vector_id if base else None,
    )
    if saved := fitter.saved(recipe, method.name):
        return saved
    factor = factors(raw, wanted, base, {})
    layers = {layer: AtLayer(vector, factor[layer]) for layer, vector in raw.items()}
    return fitter.save(recipe, method.name, layers)
