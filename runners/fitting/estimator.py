"""A method as a spec asks for it: its function, its parameters, and what is taken away first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from runners.methods import FITS, Function
from runners.methods.letter import letter_axis, without
from runners.methods.logistic_probe import logistic_probe
from runners.methods.mean_difference import mean_difference
from specs.schema import FittedMethod, PluginMethod, Spec

if TYPE_CHECKING:
    from runners.methods.pairs import Pairs
    from runners.methods.plugins import Plugins

COMMON = {*Spec.model_fields, "kind", "norm"}
"""Fields of a method's spec that are no parameters of its fit."""
NOT_PASSED = {"read", "project_out"}
"""Parameters that decide what a function is given, not what it does."""


def parameters(method: FittedMethod, plugins: Plugins) -> dict[str, Any]:
    """Return what of a method's spec decides its vectors, as their ids hash it."""
    found = {
        key: value
        for key, value in method.model_dump(exclude=COMMON).items()
        if value is not None or key not in NOT_PASSED
    }
    if isinstance(method, PluginMethod):
        plugin = plugins.find(found.pop("plugin"))
        found |= {"sha256": plugin.sha256, "function": plugin.function}
    return found


@dataclass(frozen=True)
class Estimator:
    """From training pairs to a raw vector, whatever the method; refits draws as it fits the whole.

    The letter axis is estimated on the pairs at hand, their projection fitted, and the vector
    projected again (a method may scale features). Several parts are fitted each by itself: the
    vector is the mean of theirs.
    """

    function: Function
    parameters: Mapping[str, Any] = field(default_factory=dict)
    project_out: str | None = None

    @classmethod
    def of(cls, method: FittedMethod, plugins: Plugins) -> Estimator:
        """Return the estimator of a spec; a plugin's code is run for the first time here."""
        own = {k: v for k, v in method.model_dump(exclude=COMMON).items() if k not in NOT_PASSED}
        if isinstance(method, PluginMethod):
            function = plugins.load(method.plugin)
            return cls(function, dict(method.parameters), method.project_out)
        return cls(FITS[getattr(method, "kind", "")], own, method.project_out)

    @property
    def is_mean_difference(self) -> bool:
        """Whether the vector of one part is the mean of its differences and nothing else."""
        return self.function is mean_difference and self.project_out is None

    @property
    def is_slow(self) -> bool:
        """Whether a fit takes seconds at the size of real models."""
        return self.function is logistic_probe

    def __call__(self, pairs: Pairs) -> np.ndarray:
        """Return the raw vector, float64 [d_model]."""
        parts = np.unique(pairs.part)
        if len(parts) == 1:
            return self._one(pairs)
        vectors = [self._one(pairs.take(pairs.part == part)) for part in parts]
        mean: np.ndarray = np.mean(vectors, axis=0)
        return mean

    def _one(self, pairs: Pairs) -> np.ndarray:
        """Fit one part."""
        if self.project_out is None:
            return self.function(pairs.positive, pairs.negative, **self.parameters)
        axis = letter_axis(pairs)
        positive, negative = without(axis, pairs.positive), without(axis, pairs.negative)
        return without(axis, self.function(positive, negative, **self.parameters))
