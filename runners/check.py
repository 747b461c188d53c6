"""Everything that would make `build` or `run` fail later, found without running them.

Each room finds its own faults: `specs.catalog`, `builders.faults`, `runners.models.model_faults`;
here stands only what an experiment joins. Torch is never loaded.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from runners.campaign import experiment_faults
from specs.faults import Refused

if TYPE_CHECKING:
    from specs.catalog import Catalog
    from specs.schema import Experiment
    from specs.settings import Settings


class Unreachable(NamedTuple):
    """A spec whose source or model is not here; `line` says where it was looked for."""

    kind: str
    name: str
    line: str


SHOWN = 3
"""Names of a kind that a summary gives."""


def summary(unreachable: Sequence[Unreachable]) -> str:
    """Return one line on all that is not reachable: how many of each kind, and the first names."""
    parts = []
    for kind in dict.fromkeys(each.kind for each in unreachable):
        names = [each.name for each in unreachable if each.kind == kind]
        more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
        count = f"{len(names)} {kind if len(names) > 1 else kind.removesuffix('s')}"
        parts.append(f"{count} ({', '.join(names[:SHOWN])}{more})")
    return (
        f"Not reachable here: {', '.join(parts)}; `steerhouse check NAME` says where it was "
        "looked for, --sources DIR adds a mirror, --online asks the Hub"
    )


def check_all(
    settings: Settings, names: Sequence[str], online: bool
) -> tuple[list[str], list[Unreachable]]:
    """Return (faults, what is not reachable from here), faults a line each.

    `names` limits the depth to some experiments with what they use, and concepts; none: all.
    """
    from builders.faults import faults as builder_faults
    from builders.text_sets import text_set_faults
    from runners.models.model_faults import faults as model_faults
    from runners.saes.faults import sae_faults
    from runners.scoring.ready import classifier_faults
    from specs.catalog import open as open_catalog

    catalog = open_catalog(settings)
    faults = list(catalog.faults())
    if faults:
        return faults, []
    unreachable: list[Unreachable] = []
    concepts_named = [found for name in names for found in catalog.match("concepts", name)]
    others = [name for name in names if not catalog.match("concepts", name)]
    asked = catalog.resolve("experiments", others) if names else catalog.names("experiments")
    asked += [n for name in names for n in catalog.match("experiments", name) if n not in asked]
    experiments = [catalog.get("experiments", name) for name in asked]
    for experiment in experiments:
        faults += _of_experiment(experiment, catalog, settings)
    concepts = _used(experiments, "concepts", catalog) if names else catalog.names("concepts")
    concepts = list(dict.fromkeys([*concepts_named, *concepts]))
    models = _used(experiments, "models", catalog) if names else catalog.names("models")
    for kind, each in (("concepts", concepts), ("models", models)):
        for name in each:
            wrong, unreached = (
                builder_faults(catalog, [name], settings, online)
                if kind == "concepts"
                else model_faults(catalog.get("models", name), settings, online)
            )
            faults += wrong
            unreachable += [Unreachable(kind, name, line) for line in unreached]
    for name in _saes(experiments, catalog) if names else catalog.names("saes"):
        wrong, unreached = sae_faults(catalog.get("saes", name))
        faults += wrong
        unreachable += [Unreachable("saes", name, line) for line in unreached]
    sets = _used(experiments, "text_sets", catalog) if names else catalog.names("text_sets")
    faults += text_set_faults([catalog.get("text_sets", name) for name in sets])
    scorers = _used(experiments, "scorers", catalog) if names else catalog.names("scorers")
    wrong, missing = classifier_faults([catalog.get("scorers", one) for one in scorers], settings)
    faults += wrong
    unreachable += [Unreachable("scorers", name, line) for name, line in missing.items()]
    return list(dict.fromkeys(faults)), list(dict.fromkeys(unreachable))


def _used(experiments: Iterable[Experiment], kind: str, catalog: Catalog) -> list[str]:
    """Return the names of a kind that some experiments use."""
    patterns = [pattern for e in experiments for pattern in getattr(e, kind)]
    return catalog.resolve(kind, patterns)


def _saes(experiments: Sequence[Experiment], catalog: Catalog) -> list[str]:
    """Return the names of the autoencoders that methods and rollouts of some experiments use."""
    from runners.rollouts.saes import read_by
    from runners.saes.shelf import named_by

    methods = _used(experiments, "methods", catalog)
    of_methods = named_by((catalog.get("methods", method) for method in methods), catalog)
    of_rollouts = [name for experiment in experiments for name in read_by(experiment, catalog)]
    return list(dict.fromkeys([*of_methods, *of_rollouts]))


def _of_experiment(experiment: Experiment, catalog: Catalog, settings: Settings) -> list[str]:
    """Return what an experiment's parts do not agree on."""
    from runners.campaign.combinations import combinations, on_texts
    from runners.models.model_faults import variant_faults

    where = f"experiment {experiment.name}"
    try:
        asked = combinations(experiment, catalog)
    except Refused as refused:
        return list(refused.faults)
    found = experiment_faults.faults(experiment, asked, catalog, settings)
    # Round texts no variant is put.
    fitting = [c for c in asked if not on_texts(c.fit_concept, catalog)]
    asking = [c for c in asked if not on_texts(c.concept, catalog)]
    for concept in dict.fromkeys(c.concept for c in asking):
        variants = {v for c in fitting if c.fit_concept == concept for v in c.fit_variants}
        variants |= {c.variant for c in asking if c.concept == concept}
        found += _unrenderable(concept, sorted(variants), catalog, where)
    for model in dict.fromkeys(c.model for c in asked):
        spec = catalog.get("models", model)
        variants = {v for c in fitting if c.model == model for v in c.fit_variants}
        variants |= {c.variant for c in asking if c.model == model}
        systems = {catalog.get("variants", v).system is not None for v in variants}
        for has_system in sorted(systems):
            found += [f"{where}: {f}" for f in variant_faults(spec, settings, has_system)]
    return found


def _unrenderable(concept: str, variants: Sequence[str], catalog: Catalog, where: str) -> list[str]:
    """Return why a concept cannot render some variants."""
    from builders.variants import refuse_unanswerable

    found = []
    for variant in variants:
        try:
            refuse_unanswerable(catalog.questions(concept), catalog.get("variants", variant))
        except Refused as refused:
            found += [f"{where}: {fault}" for fault in refused.faults]
    return found
