"""The cross product that an experiment asks for, before any model is loaded."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import product
from typing import TYPE_CHECKING, NamedTuple

from specs.faults import Refused
from specs.schema import FittedMethod

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
    """Whose questions are asked."""
    fit_concept: str
    """Whose training questions the vector was fitted on."""
    method: str
    fit_variants: tuple[str, ...]
    """One; several where the vector is the mean of theirs."""
    variant: str
    operator: str
    scope: str
    norm: str | None
    seed: int


def combinations(experiment: Experiment, catalog: Catalog) -> list[Combination]:
    """Return what an experiment asks for, without repeats, in the order of its lists.

    Raises:
        Refused: names or globs that match nothing, all of them; or nothing left after exclude.
    """
    _refuse_unknown(experiment, catalog)
    axes = {key: catalog.resolve(kind, _listed(experiment, key)) for key, kind in KEYS.items()}
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
    fitted: list[tuple[str, str, str, tuple[str, ...], str]] = []
    if "single" in experiment.combinations:
        fitted += [(m, c, method, (fit,), variant) for m, c, method, fit, variant in kept]
    if "mean" in experiment.combinations:
        fitted += _means(kept, experiment, catalog)
    own = [
        Combination(model, concept, concept, method, fits, variant, *way)
        for model, concept, method, fits, variant in fitted
        for way in ways
    ]
    return [*own, *_elsewhere(own, experiment, catalog)]


def _listed(experiment: Experiment, key: str) -> tuple[str, ...]:
    """Return the names, globs and tags that an experiment lists under a key of KEYS."""
    found: tuple[str, ...] = getattr(experiment, f"{key}s")
    return found


def _refuse_unknown(experiment: Experiment, catalog: Catalog) -> None:
    """Refuse an experiment that names what is not there, with every such name."""
    named = [(kind, pattern) for key, kind in KEYS.items() for pattern in _listed(experiment, key)]
    named += [("concepts", pattern) for pattern in experiment.fit_concepts]
    named += [(KEYS[key], extra[key]) for extra in experiment.include for key in extra]
    named = list(dict.fromkeys(named))
    faults = [catalog.unmatched(*each) for each in named if not catalog.match(*each)]
    if faults:
        raise Refused(*faults)


def _elsewhere(
    own: list[Combination], experiment: Experiment, catalog: Catalog
) -> list[Combination]:
    """Return the vectors of `fit_concepts` on the questions of every other concept.

    Raises:
        Refused: a concept of which no questions are asked: they choose its layer, and what a vector
            does elsewhere is told in units of what it does at home.
    """
    fitting = (
        catalog.resolve("concepts", experiment.fit_concepts) if experiment.fit_concepts else []
    )
    if strangers := [name for name in fitting if name not in {c.concept for c in own}]:
        raise Refused(
            f"experiment {experiment.name}: fit_concepts names {strangers[0]}, of which no "
            "questions are asked; add it to concepts"
        )
    # A vector from a file belongs to no concept: it is on all of them already.
    moving = [c for c in own if isinstance(catalog.get("methods", c.method), FittedMethod)]
    fits = dict.fromkeys(c._replace(concept="", variant="") for c in moving if c.concept in fitting)
    asked = dict.fromkeys((c.model, c.concept, c.variant) for c in moving)
    return [
        fit._replace(concept=concept, variant=variant)
        for fit in fits
        for model, concept, variant in asked
        if model == fit.model and concept != fit.fit_concept
    ]


def _means(
    kept: list[tuple[str, ...]], experiment: Experiment, catalog: Catalog
) -> list[tuple[str, str, str, tuple[str, ...], str]]:
    """Return the means over all fit variants that are kept for a model, concept and method.

    Raises:
        Refused: there are not several, or the method is not fitted.
    """
    variants: dict[tuple[str, ...], dict[str, None]] = {}
    for *same, fit_variant, _variant in kept:
        variants.setdefault(tuple(same), {})[fit_variant] = None
    where = f"experiment {experiment.name}: combination mean"
    for (_model, concept, method), found in variants.items():
        if not isinstance(catalog.get("methods", method), FittedMethod):
            raise Refused(f"{where}: method {method} is not fitted; take it out, or leave `single`")
        if len(found) < 2:
            raise Refused(
                f"{where}: concept {concept}, method {method} are fitted on {next(iter(found))} "
                "only; name more variants in fit_variants"
            )
    asked = dict.fromkeys((names[0], names[1], names[2], names[4]) for names in kept)
    return [
        (model, concept, method, tuple(variants[model, concept, method]), variant)
        for model, concept, method, variant in asked
    ]


def _excluded(names: Iterable[str], experiment: Experiment, catalog: Catalog) -> bool:
    """Whether one of the exclude mappings matches in all of its keys."""
    found = dict(zip(KEYS, names, strict=True))
    return any(
        all(found[key] in catalog.match(KEYS[key], pattern) for key, pattern in mapping.items())
        for mapping in experiment.exclude
    )
