"""What is wrong with SAE specs, found without torch, sae-lens or a network."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from runners.saes.files import folder_of
from runners.saes.shelf import named_by
from specs.faults import Refused
from specs.reader import place
from specs.suggestions import did_you_mean

if TYPE_CHECKING:
    from specs.catalog import Catalog
    from specs.schema import Experiment, Model, Sae


class Release(NamedTuple):
    """A release in sae-lens's list."""

    repository: str
    ids: frozenset[str]


def sae_faults(spec: Sae) -> tuple[list[str], list[str]]:
    """Return (faults, what is not reachable from here) of where a spec's weights come from."""
    if spec.source.folder is not None:
        try:
            folder_of(spec)
        except Refused as refused:
            return list(refused.faults), []
    if spec.source.release is None:
        return [], []
    releases, name, one = _releases(), spec.source.release, str(spec.source.id)
    if name not in releases:
        if "/" in name:  # a repository of somebody's own
            return [], _not_here(spec, name)
        hint = did_you_mean(name, releases) or ";"
        where = place(spec, ("source", "release"))
        return [
            f"{where}: no release {name!r} in sae-lens's list{hint} or name a Hub repository, "
            "organisation/name"
        ], []
    release = releases[name]
    if one not in release.ids:
        hint = did_you_mean(one, release.ids) or "; its ids are in sae-lens's list"
        return [f"{place(spec, ('source', 'id'))}: release {name} has no {one!r}{hint}"], []
    return [], _not_here(spec, release.repository)


def _not_here(spec: Sae, repository: str) -> list[str]:
    """Return that a repository is not in the Hub's local cache."""
    from huggingface_hub import constants

    folder = Path(constants.HF_HUB_CACHE) / f"models--{repository.replace('/', '--')}"
    if folder.is_dir():
        return []
    return [f"{place(spec, ('source',))}: {repository} is not in the Hub's cache ({folder.parent})"]


@cache
def _releases() -> dict[str, Release]:
    """Return sae-lens's releases from its list, by its lines: parsing 1.5 MB of YAML takes long."""
    package = find_spec("sae_lens")
    if package is None or not package.submodule_search_locations:
        return {}
    path = Path(package.submodule_search_locations[0]) / "pretrained_saes.yaml"
    blocks = re.split(r"^(?=\S)", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    found = {}
    for block in blocks:
        repository = re.search(r"^  repo_id: *(\S+)", block, re.MULTILINE)
        ids = re.findall(r"^  - id: *['\"]?([^\s'\"]+)", block, re.MULTILINE)
        found[block.split(":")[0]] = Release(repository[1] if repository else "", frozenset(ids))
    return found


def experiment_faults(
    experiment: Experiment,
    model: Model,
    methods: Sequence[str],
    catalog: Catalog,
) -> list[str]:
    """Return why the autoencoders of an experiment's methods cannot serve on a model."""
    names = named_by((catalog.get("methods", method) for method in methods), catalog)
    specs = [catalog.get("saes", name) for name in names]
    return [
        *(fault for spec in specs for fault in sae_faults(spec)[0]),
        *(
            f"experiment {experiment.name}: {fault}"
            for spec in specs
            for fault in _of_experiment(experiment, model, spec)
        ),
    ]


def _of_experiment(experiment: Experiment, model: Model, spec: Sae) -> Iterator[str]:
    if spec.source.train is not None and model.name != spec.model:
        yield (
            f"SAE {spec.name} is trained on model {spec.model}, and the experiment asks for it on "
            f"{model.name}; exclude these methods there, or write an SAE spec of its own"
        )
    listed = [] if isinstance(experiment.layers, str) else experiment.layers
    wrong = [layer for layer in listed if spec.layer not in (None, layer)]
    if wrong:
        yield (
            f"SAE {spec.name} reads layer {spec.layer}, and there is no vector of its features at "
            f"layer {wrong[0]}; write `layers: [{spec.layer}]`, or `layers: all`, which takes "
            "those that a vector has"
        )
