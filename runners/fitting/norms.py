"""Norms: to what length a vector is brought, so that a multiplier means the same across methods."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from runners.fitting.recipes import length
from runners.fitting.vectors import DEGENERATE, SteeringVector
from runners.prompts import own_system

if TYPE_CHECKING:
    from runners.campaign.bench import Bench
    from runners.campaign.texts_bench import TextsBench

BASE = "base"
"""The variant of plain prompts, and the norm named after it: the length of the raw mean_difference
that is fitted on it."""


def default_norm(bench: Bench | TextsBench) -> str:
    """Return the norm of vectors of which nothing is said: base where such a vector exists.

    There is none where the dataset lacks variant base or the model cannot show it.
    """
    loaded, base = bench.loaded, bench.variants.get(BASE)
    if BASE not in bench.dataset.variants or base is None:
        return "raw"
    unheard = own_system.fault(loaded.tokenizer, loaded.spec, base.system is not None)
    return "raw" if unheard else BASE


def no_base(bench: Bench | TextsBench, what: str, instead: str) -> str:
    """Return why there is no vector whose length norm `base` means, for `what` needs it."""
    if bench.concept.kind == "texts":
        return (
            f"concept {bench.concept.name}: {what} is the length of a vector fitted on questions, "
            f"and texts have none; use {instead} or `norm: unit`"
        )
    return (
        f"concept {bench.concept.name}: {what} needs the dataset under variant base; add base to "
        f"the experiment's fit_variants, or use {instead}"
    )


def factors(
    raw: Mapping[int, np.ndarray],
    norm: str,
    base: SteeringVector | None,
    residual_norm: Mapping[int, float],
) -> dict[int, float]:
    """Return what each layer's raw vector is multiplied by under a norm.

    `base` is the vector whose length norm `base` means, null for that vector itself. A degenerate
    vector is never rescaled, nor is one to the length of a degenerate base.
    """
    if norm == "raw" or (norm == BASE and base is None):
        return dict.fromkeys(raw, 1.0)
    found = {}
    for layer, vector in raw.items():
        own, wanted = length(vector), base.raw_length[layer] if base else 1.0
        hollow = own <= DEGENERATE * residual_norm.get(layer, 0.0)
        found[layer] = 1.0 if hollow or (base and base.degenerate(layer)) else wanted / own
    return found
