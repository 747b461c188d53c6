"""A method as a spec asks for it: its function, its parameters, and what is taken away first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from runners.methods import FITS, Function
from runners.methods.letter import letter_axis, without
from runners.methods.logistic_probe import logistic_probe
from runners.methods.mean_difference import mean_difference
from runners.methods.pairs import Pairs
from specs.schema import CombinedMethod, FittedMethod, PluginMethod, Spec

if TYPE_CHECKING:
    from runners.methods.plugins import Plugins
    from runners.methods.texts import Texts

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
    if isinstance(method, CombinedMethod):
        found["terms"] = [
            {
                "method": getattr(of, "kind", ""),
                "parameters": parameters(of, plugins),
                "coefficient": term.coefficient,
            }
            for term, of in zip(method.terms, method.methods, strict=True)
        ]
    return found


@dataclass(frozen=True)
class Estimator:
    """From training pairs to a raw vector, whatever the method; refits draws as it fits the whole.

    The letter axis is estimated on the pairs at hand, their projection fitted, and the vector
    projected again (a method may scale features). Several parts are fitted each by itself: the
    vector is the mean of theirs. A sum has terms, each an estimator of its own, fitted on what is
    left of the pairs after its own projection.
    """

    function: Function
    parameters: Mapping[str, Any] = field(default_factory=dict)
    project_out: str | None = None
    terms: tuple[Term, ...] = ()
    """What a sum adds up, in the place of a function."""
    equal_lengths: bool = False
    """Whether terms come to one length first."""
    factors: tuple[float, ...] = ()
    """What each term is multiplied by; empty until `settled`: by the pairs at hand."""
    by_part: Mapping[int, Estimator] = field(default_factory=dict)
    """part -> this estimator as it is settled there; empty until `settled`."""

    @classmethod
    def of(cls, method: FittedMethod, plugins: Plugins, is_clear: bool = False) -> Estimator:
        """Return the estimator of a spec; a plugin's code is run for the first time here.

        `is_clear`: it is a term of a sum that takes the letter out already. What is left has no
        letter axis but rounding, and nothing more is taken out.
        """
        project_out = None if is_clear else method.project_out
        if isinstance(method, CombinedMethod):
            clear = is_clear or project_out is not None
            terms = tuple(
                Term(cls.of(of, plugins, clear), term.coefficient)
                for term, of in zip(method.terms, method.methods, strict=True)
            )
            return cls(_no_function, {}, project_out, terms, method.lengths == "equal")
        own = {k: v for k, v in method.model_dump(exclude=COMMON).items() if k not in NOT_PASSED}
        if isinstance(method, PluginMethod):
            function = plugins.load(method.plugin)
            return cls(function, dict(method.parameters), project_out)
        return cls(FITS[getattr(method, "kind", "")], own, project_out)

    @property
    def is_mean_difference(self) -> bool:
        """Whether the vector of one part is the mean of its differences and nothing else."""
        return self.function is mean_difference and self.project_out is None

    @property
    def is_slow(self) -> bool:
        """Whether a fit takes seconds at the size of real models."""
        own = self.function is logistic_probe or getattr(self.function, "is_slow", False)
        return own or any(term.fit.is_slow for term in self.terms)

    def settled(self, pairs: Pairs | Texts) -> Estimator:
        """Return this estimator with what only the whole of the training pairs decides.

        That is by what a sum multiplies its terms. Resamples and label shuffles take these factors
        over, as they do a norm's: a term that is short on shuffled labels has to stay short.
        """
        if not self.terms:
            return self
        parts = {int(part): pairs.take(pairs.part == part) for part in np.unique(pairs.part)}
        return replace(self, by_part={part: self._settled(own) for part, own in parts.items()})

    def _settled(self, pairs: Pairs | Texts) -> Estimator:
        """Return this estimator, settled on one part."""
        if not self.terms:
            return self
        pairs, _ = self._prepared(pairs)
        terms = tuple(term._replace(fit=term.fit._settled(pairs)) for term in self.terms)
        whole = replace(self, terms=terms)
        return replace(whole, factors=whole._factors([term.fit._one(pairs) for term in terms]))

    def __call__(self, pairs: Pairs | Texts) -> np.ndarray:
        """Return the raw vector, float64 [d_model]."""
        parts = np.unique(pairs.part)
        if len(parts) == 1:
            return self.by_part.get(int(parts[0]), self)._one(pairs)
        vectors = [self(pairs.take(pairs.part == part)) for part in parts]
        mean: np.ndarray = np.mean(vectors, axis=0)
        return mean

    def _one(self, pairs: Pairs | Texts) -> np.ndarray:
        """Fit one part."""
        pairs, axis = self._prepared(pairs)
        if self.terms:
            vectors = [term.fit._one(pairs) for term in self.terms]
            factors = self.factors or self._factors(vectors)
            found = np.sum([f * v for f, v in zip(factors, vectors, strict=True)], axis=0)
        else:
            found = self.function(pairs.positive, pairs.negative, **self.parameters)
        return found if axis is None else without(axis, found)

    def _prepared(self, pairs: Pairs | Texts) -> tuple[Pairs | Texts, np.ndarray | None]:
        """Return the pairs of one part less what is projected out of them, and its axis."""
        if self.project_out is None:
            return pairs, None
        assert isinstance(pairs, Pairs), "texts have no letter"
        axis = letter_axis(pairs)
        positive, negative = without(axis, pairs.positive), without(axis, pairs.negative)
        return pairs._replace(positive=positive, negative=negative), axis

    def _factors(self, vectors: Sequence[np.ndarray]) -> tuple[float, ...]:
        """Return what the vectors of the terms are multiplied by."""
        lengths = [float(np.linalg.norm(vector)) for vector in vectors]
        wanted = np.mean(lengths) if self.equal_lengths else None
        return tuple(
            term.coefficient * (1.0 if wanted is None or length == 0 else float(wanted) / length)
            for term, length in zip(self.terms, lengths, strict=True)
        )


class Term(NamedTuple):
    """A method in a sum."""

    fit: Estimator
    coefficient: float


def _no_function(positive: np.ndarray, negative: np.ndarray) -> np.ndarray:
    """Stand for the function of a sum, which has none."""
    raise NotImplementedError
