"""Everything that would make `build` or `run` fail later, found without running them.

Each room finds its own faults: `specs.catalog`, `builders.faults`, `runners.models.model_faults`;
here stands only what an experiment joins. Torch is never loaded.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from runners.campaign import experiment_faults
from specs.commands import KINDS
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


SHOWN = 2
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

    `names`, of any kind, limit the depth to what they stand for, and what experiments among them
    use; none: all.
    """
    from specs.catalog import open as open_catalog

    catalog = open_catalog(settings)
    faults = [*catalog.faults(), *_unheard(catalog, names)]
    if faults:
        return faults, []
    named = {kind: _named(catalog, kind, names) for kind in KINDS}
    experiments = [catalog.get("experiments", name) for name in named["experiments"]]
    for experiment in experiments:
        faults += _of_experiment(experiment, catalog, settings)
    for kind in ("methods", "concepts", "models", "text_sets", "scorers"):
        named[kind] += _used(experiments, kind, catalog)
    named["saes"] += _saes(experiments, catalog)
    unreachable: list[Unreachable] = []
    for kind in ("concepts", "models", "saes", "scorers"):
        for name in dict.fromkeys(named[kind]):
            wrong, unreached = _of_source(kind, name, catalog, settings, online)
            faults += wrong
            unreachable += [Unreachable(kind, name, line) for line in unreached]
    faults += _of_files(named, catalog, settings)
    return list(dict.fromkeys(faults)), unreachable


def _unheard(catalog: Catalog, names: Sequence[str]) -> list[str]:
    """Return a line for each name, glob or tag that fits no spec of any kind."""
    return [catalog.unheard(name) for name in names if not catalog.kinds(name)]


def _named(catalog: Catalog, kind: str, names: Sequence[str]) -> list[str]:
    """Return the specs of a kind that some names stand for; without names, all."""
    if not names:
        return catalog.names(kind)
    return list(dict.fromkeys(found for name in names for found in catalog.match(kind, name)))


def _of_source(
    kind: str, name: str, catalog: Catalog, settings: Settings, online: bool
) -> tuple[list[str], list[str]]:
    """Return (faults, what is not reachable from here) of a spec whose source may be the Hub."""
    from builders.faults import faults as builder_faults
    from runners.models.model_faults import faults as model_faults
    from runners.saes.faults import sae_faults
    from runners.scoring.ready import classifier_faults

    if kind == "concepts":
        return builder_faults(catalog, [name], settings, online)
    if kind == "saes":
        return sae_faults(catalog.get("saes", name))
    if kind == "scorers":
        faults, unreached = classifier_faults([catalog.get("scorers", name)], settings)
        return faults, list(unreached.values())
    return model_faults(catalog.get("models", name), settings, online)


def _of_files(
    named: Mapping[str, Sequence[str]], catalog: Catalog, settings: Settings
) -> list[str]:
    """Return the faults of the files that text sets and methods name."""
    from builders.text_sets import text_set_faults
    from runners.methods.method_faults import method_faults
    from runners.methods.plugins import Plugins

    plugins = Plugins(settings.plugins)
    methods = [catalog.get("methods", name) for name in dict.fromkeys(named["methods"])]
    sets = [catalog.get("text_sets", name) for name in dict.fromkeys(named["text_sets"])]
    return [*(f for m in methods for f in method_faults(m, plugins)), *text_set_faults(sets)]


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
