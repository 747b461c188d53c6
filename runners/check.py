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
    for kind in ("methods", "concepts", "models", "text_sets"):
        named[kind] += _used(experiments, kind, catalog)
    unreachable: list[Unreachable] = []
    for kind in ("concepts", "models"):
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
    """Return (faults, what is not reachable from here) of a concept or a model."""
    from builders.faults import faults as builder_faults
    from runners.models.model_faults import faults as model_faults

    if kind == "concepts":
        return builder_faults(catalog, [name], settings, online)
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


def _of_experiment(experiment: Experiment, catalog: Catalog, settings: Settings) -> list[str]:
    """Return what an experiment's parts do not agree on."""
    from runners.campaign.combinations import combinations
    from runners.models.model_faults import variant_faults

    where = f"experiment {experiment.name}"
    try:
        asked = combinations(experiment, catalog)
    except Refused as refused:
        return list(refused.faults)
    found = experiment_faults.faults(experiment, asked, catalog, settings)
    for concept in dict.fromkeys(c.concept for c in asked):
        variants = {v for c in asked if c.fit_concept == concept for v in c.fit_variants}
        variants |= {c.variant for c in asked if c.concept == concept}
        found += _unrenderable(concept, sorted(variants), catalog, where)
    for model in dict.fromkeys(c.model for c in asked):
        spec = catalog.get("models", model)
        variants = {v for c in asked if c.model == model for v in (*c.fit_variants, c.variant)}
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
            refuse_unanswerable(catalog.get("concepts", concept), catalog.get("variants", variant))
        except Refused as refused:
            found += [f"{where}: {fault}" for fault in refused.faults]
    return found
