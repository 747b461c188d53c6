"""What would make scoring fail, told before a run spends hours on rollouts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from runners.scoring.asked import parameters, uses_concept
from runners.scoring.endpoint import missing
from runners.scoring.subject import Subject
from specs.faults import Refused
from specs.schema import Classifier, Judge

if TYPE_CHECKING:
    from runners.campaign.combinations import Combination
    from specs.catalog import Catalog
    from specs.schema import Experiment, Scorer
    from specs.settings import Settings


def specs_of(experiment: Experiment, catalog: Catalog) -> list[Scorer]:
    """Return the scorer specs that an experiment names.

    Raises:
        Refused: a name that nothing bears.
    """
    names = catalog.resolve("scorers", experiment.scorers)
    return [catalog.get("scorers", name) for name in names]


def concept_faults(
    experiment: Experiment, asked: Sequence[Combination], catalog: Catalog, settings: Settings
) -> list[str]:
    """Return what the experiment's concepts lack that its scorers read, a line each."""
    where = f"experiment {experiment.name}"
    try:
        specs = [spec for spec in specs_of(experiment, catalog) if uses_concept(spec)]
    except Refused as refused:
        return [f"{where}: {fault}" for fault in refused.faults]
    found: list[str] = []
    for name in dict.fromkeys(c.fit_concept for c in asked) if specs else ():
        subject = Subject.of(catalog.get("concepts", name))
        for spec in specs:
            try:
                parameters(spec, subject, settings)
            except Refused as refused:
                found += [f"{where}: {fault}" for fault in refused.faults]
    return found


def classifier_faults(
    specs: Sequence[Scorer], settings: Settings
) -> tuple[list[str], dict[str, str]]:
    """Return (faults, scorer -> where its classifier was looked for in vain), as of models."""
    from runners.scoring.classifier import files_of

    found: list[str] = []
    unreachable: dict[str, str] = {}
    for spec in specs:
        if not isinstance(spec, Classifier):
            continue
        try:
            files_of(spec, settings, download=False)
        except Refused as refused:
            if spec.hub and "not here" in str(refused):
                unreachable[spec.name] = str(refused)
            else:
                found += refused.faults
    return found, unreachable


def fetch(specs: Sequence[Scorer], settings: Settings) -> list[str]:
    """Fetch the classifiers; return a warning for each judge that could not be asked now.

    Raises:
        Refused: a classifier is not to be had, or has no such label.
    """
    from runners.scoring.classifier import files_of

    found = []
    for spec in specs:
        if isinstance(spec, Classifier):
            files_of(spec, settings)
        elif isinstance(spec, Judge) and (reason := missing(spec)):
            found.append(f"Warning: scorer {spec.name} will not be asked: {reason}")
    return found
