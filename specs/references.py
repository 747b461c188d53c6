"""Names that one spec says of others: whether something bears them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from specs import terms
from specs.document import Loc
from specs.faults import Refused
from specs.reader import place
from specs.schema import (
    AimedMethod,
    Approximator,
    CombinedMethod,
    Concept,
    Experiment,
    Fgaa,
    Sae,
    SaeDecoder,
    SaeFitted,
    Spec,
)

if TYPE_CHECKING:
    from specs.catalog import Catalog

NAMED_BY = {
    "models": "models",
    "concepts": "concepts",
    "methods": "methods",
    "fit_variants": "variants",
    "variants": "variants",
    "text_sets": "text_sets",
    "scorers": "scorers",
}
"""Fields of an experiment, and the kinds of spec that they name."""


def faults(spec: Spec, catalog: Catalog) -> list[str]:
    """Return one line for each name, glob or tag in `spec` that stands for no spec of `catalog`."""
    lines = list(terms.faults(spec, catalog)) if isinstance(spec, CombinedMethod) else []
    for loc, kind, pattern in _names(spec):
        try:
            if not catalog.match(kind, pattern):
                lines.append(f"{place(spec, loc)}: {catalog.unmatched(kind, pattern)}")
        except Refused:
            continue  # a file that must be read for its tags has faults, which are told as its own
    return lines


def _names(spec: Spec) -> Iterator[tuple[Loc, str, str]]:
    """Yield place, kind and pattern of whatever `spec` names."""
    if isinstance(spec, Concept):
        for index, truth in enumerate(spec.planted):
            yield ("planted", index, "variant"), "variants", truth.variant
    if isinstance(spec, SaeDecoder | SaeFitted):
        yield ("sae",), "saes", spec.sae
    if isinstance(spec, Sae):
        yield ("model",), "models", spec.model
        yield ("check", "text_set"), "text_sets", spec.check.text_set
        if spec.source.train is not None:
            yield ("source", "train", "text_set"), "text_sets", spec.source.train.text_set
    if isinstance(spec, AimedMethod | Fgaa):
        yield ("approximator",), "approximators", spec.approximator
    if isinstance(spec, Fgaa):
        yield ("density_texts",), "text_sets", spec.density_texts
    if isinstance(spec, Approximator):
        yield ("model",), "models", spec.model
        yield ("sae",), "saes", spec.sae
        yield ("inputs", "sae"), "saes", spec.inputs.sae
        yield ("prompt_set",), "prompt_sets", spec.prompt_set
        if spec.rise is not None:
            yield ("rise", "text_set"), "text_sets", spec.rise.text_set
    if isinstance(spec, Experiment):
        for field, kind in NAMED_BY.items():
            for index, pattern in enumerate(getattr(spec, field)):
                yield (field, index), kind, pattern
        yield from _of_rollouts(spec)
        for field in ("include", "exclude"):
            for index, axes in enumerate(getattr(spec, field)):
                for axis, pattern in axes.items():
                    yield (field, index, axis), NAMED_BY[f"{axis}s"], pattern


def _of_rollouts(spec: Experiment) -> Iterator[tuple[Loc, str, str]]:
    """Yield what the part `rollouts` of an experiment names."""
    if spec.rollouts is None:
        return
    for kind in ("prompt_sets", "saes"):
        for index, pattern in enumerate(getattr(spec.rollouts, kind)):
            yield ("rollouts", kind, index), kind, pattern
    if spec.rollouts.rise is not None:
        yield ("rollouts", "rise", "text_set"), "text_sets", spec.rollouts.rise.text_set
