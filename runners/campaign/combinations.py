"""The cross product that an experiment asks for, before any model is loaded."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import product
from typing import TYPE_CHECKING, NamedTuple

from specs.faults import Refused

if TYPE_CHECKING:
    from specs.catalog import Catalog
    from specs.schema import Experiment

KEYS = {
    "model": "models",
    "concept": "concepts",
    "method": "methods",
    "fit_variant": "variants",
    "variant": "variants",
}
"""Keys of include and exclude, and the kind of spec each names."""


class Combination(NamedTuple):
    """One vector on one evaluation, by names; norm null is the method's own."""

    model: str
    concept: str
    method: str
    fit_variant: str
    variant: str
    operator: str
    scope: str
    norm: str | None
    seed: int


def combinations(experiment: Experiment, catalog: Catalog) -> list[Combination]:
    """Return what an experiment asks for, without repeats, in the order of its lists.

    Raises:
        Refused: a name or glob that matches nothing, or nothing left after exclude.
    """
    axes = {
        "model": catalog.resolve("models", experiment.models),
        "concept": catalog.resolve("concepts", experiment.concepts),
        "method": catalog.resolve("methods", experiment.methods),
        "fit_variant": catalog.resolve("variants", experiment.fit_variants),
        "variant": catalog.resolve("variants", experiment.variants),
    }
    norms: tuple[str | None, ...] = experiment.norms or (None,)
    ways = list(product(experiment.operators, experiment.scopes, norms, experiment.seeds))
    named = list(product(*axes.values()))
    for extra in experiment.include:
        choices = [
            catalog.resolve(KEYS[key], [extra[key]]) if key in extra else axis
            for key, axis in axes.items()
        ]
        named += product(*choices)
    kept = [names for names in dict.fromkeys(named) if not _excluded(names, experiment, catalog)]
    if not kept:
        raise Refused(f"experiment {experiment.name}: exclude leaves nothing to run")
    return [
        Combination(model, concept, method, fit_variant, variant, operator, scope, norm, seed)
        for model, concept, method, fit_variant, variant in kept
        for operator, scope, norm, seed in ways
    ]


def _excluded(names: Iterable[str], experiment: Experiment, catalog: Catalog) -> bool:
    """Whether one of the exclude mappings matches in all of its keys."""
    found = dict(zip(KEYS, names, strict=True))
    return any(
        all(found[key] in catalog.match(KEYS[key], pattern) for key, pattern in mapping.items())
        for mapping in experiment.exclude
    )
