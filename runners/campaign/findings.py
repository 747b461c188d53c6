"""What a run found that its user should read: chosen layers, and vectors that say little."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from runners.campaign.choice import Choice, like_null

if TYPE_CHECKING:
    from runners.campaign.asked import Unit
    from runners.campaign.campaign import Campaign
    from runners.campaign.combinations import Combination

NAMED = 12
"""Choices that are named in a line; a warning names fewer."""
WARNED = 3
WAYS = ("norm", "operator", "scope", "seed")
"""What tells choices for one concept and method apart."""


def unchosen_layers(combinations: Iterable[Combination]) -> list[str]:
    """Return a warning for each concept and method for which validation chose no layer."""
    return [
        f"Warning: concept {concept}, method {method}: no layer can be chosen, for the vectors are "
        "degenerate at each of them, or validation has no slope there (it needs items, and 3 "
        "multipliers within 1.5, 0 included); nothing rides along for it, and `layers: best` "
        "reports nothing"
        for concept, method in dict.fromkeys((c.fit_concept, c.method) for c in combinations)
    ]


def unasked(campaign: Campaign) -> list[str]:
    """Return a line on vectors of concepts of kind texts of which nothing was asked.

    A vector that is made of features belongs to no concept: the questions of another one ask about
    it, and not about one that is fitted on texts, unless `fit_concepts` names these.
    """
    experiment = campaign.experiment
    if experiment.text_sets or experiment.rollouts is not None:
        return []
    told = {campaign.vector(c).vector_id for c in campaign.asking}
    silent = [c for c in campaign.combinations if c.concept in campaign.texts]
    silent = [c for c in silent if campaign.vector(c).vector_id not in told]
    if not silent:
        return []
    named = list(dict.fromkeys(f"{c.concept} · {c.method}" for c in silent))
    return [
        f"{experiment.name}: nothing was asked about the vectors of {_some(named, WARNED)}: texts "
        "ask no questions. Add `text_sets: [neutral]` (--text-set neutral) for their damage, or "
        "`rollouts: {prompt_sets: [plain]}` to the experiment for what the model says under them; "
        "or name concepts with questions beside them, and these in fit_concepts (--fit-concept)"
    ]


def choices(campaign: Campaign, best: Mapping[str, Choice]) -> list[str]:
    """Return a line with the layers that validation chose, and a warning where that says little."""
    choosers = campaign.choosers()
    label: dict[str, str] = {}
    for chooser in choosers:  # two names of one run are one choice
        label.setdefault(campaign.run(chooser).run_id, _label(chooser, choosers))
    chosen = {run: best[run] for run in label if run in best}
    if not chosen:
        return []
    named = [f"{label[run]}: {c.layer} (slope {c.slope:.3g})" for run, c in chosen.items()]
    candidates = max(c.n_candidates for c in chosen.values())
    found = [
        f"{campaign.loaded.spec.name}: layer chosen on validation among {candidates}, by mean "
        f"slope: {_some(named, NAMED)}"
    ]
    backwards = [f"{label[run]} ({c.slope:.3g})" for run, c in chosen.items() if c.slope <= 0]
    if backwards:
        found.append(
            f"Warning: for {_some(backwards, WARNED)} no layer has a positive mean slope on "
            "validation: the best layer there steers the wrong way or not at all, and what is "
            "reported at it says little"
        )
    alike = like_null(campaign, {run: c for run, c in chosen.items() if c.slope > 0})
    if alike:
        listed = [f"{label[run]} ({said})" for run, said in alike.items()]
        found.append(
            f"Warning: for {_some(listed, WARNED)} the validation slope of the chosen layer is not "
            "beyond its null vectors: the choice may be chance (fewer than 20 of them tell little)"
        )
    return found


def degenerate(campaign: Campaign, units: Iterable[Unit]) -> list[str]:
    """Return a line on the vectors that are too short to be a direction, of all that was swept."""
    of_dataset = {f.bench.dataset.dataset_id: name for name, f in campaign.fitters.items()}
    asked = [(unit.bench.concept.name, one) for unit in units for one in unit.asked]
    asked += [
        (of_dataset[fit.dataset_id], one)
        for one in campaign.of_texts()
        for fit in one.run.vector.fits
    ]
    places = {(one.run.vector.vector_id, one.layer): (name, one) for name, one in asked}
    short = {
        f"{name} · {one.run.vector.name} at layer {one.layer}": None
        for name, one in places.values()
        if one.run.vector.degenerate(one.layer)
    }
    count = sum(one.run.vector.degenerate(one.layer) for _, one in places.values())
    if not count:
        return []
    return [
        f"{campaign.loaded.spec.name}: {count} of {len(places)} (vector, layer) are degenerate, "
        "shorter than 1e-4 of the residual stream, so that their slopes mean nothing: "
        f"{_some(list(short), WARNED)}"
    ]


def _label(combination: Combination, among: Sequence[Combination]) -> str:
    """Return what a choice is for: concept and method, and the ways of which there are several."""
    ways = [
        str(getattr(combination, way))
        for way in WAYS
        if len({getattr(other, way) for other in among}) > 1
    ]
    return " · ".join([combination.concept, combination.method, *ways])


def _some(items: Sequence[str], count: int) -> str:
    more = f" and {len(items) - count} more" if len(items) > count else ""
    return ", ".join(items[:count]) + more
