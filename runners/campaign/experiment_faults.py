"""What an experiment's parts do not agree on, found before any work and without torch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from specs import operators
from specs.faults import Refused
from specs.schema import (
    LabelShuffled,
    Random,
    VectorFile,
    takes_letter_out,
)

if TYPE_CHECKING:
    from runners.campaign.combinations import Combination
    from specs.catalog import Catalog
    from specs.schema import Experiment, Model
    from specs.settings import Settings

WINDOW = 1.5
"""Slopes are fitted over multipliers up to this."""
POINTS = 3
"""Fewest multipliers of a slope, 0 included, which is always there for operator `add`."""


def all_faults(experiment: Experiment, catalog: Catalog, settings: Settings) -> list[str]:
    """Return what `faults` does of all that an experiment asks, and unknown names."""
    from runners.campaign.combinations import combinations

    try:
        asked = combinations(experiment, catalog)
    except Refused as refused:
        return [*refused.faults, *faults(experiment, [], catalog, settings)]
    return faults(experiment, asked, catalog, settings)


def faults(
    experiment: Experiment, asked: Sequence[Combination], catalog: Catalog, settings: Settings
) -> list[str]:
    """Return what is wrong, a line each; layers where a model's configuration is at hand."""
    found = [
        *_null_methods(experiment, asked, catalog),
        *_no_choice(experiment),
        *_no_letters(experiment, asked, catalog),
        *_methods(asked, catalog, settings),
        *_text_sets(experiment, catalog),
    ]
    for model in dict.fromkeys(c.model for c in asked):
        methods = list(dict.fromkeys(c.method for c in asked if c.model == model))
        found += _layers(experiment, catalog.get("models", model), methods, catalog, settings)
    return list(dict.fromkeys(found))


def _layers(
    experiment: Experiment,
    model: Model,
    methods: Sequence[str],
    catalog: Catalog,
    settings: Settings,
) -> list[str]:
    """Return the layers that a model or a vector file lacks, and vectors of another width."""
    from runners.models.model_faults import known_layers, known_width

    n_layers = known_layers(model, settings)
    if n_layers is None:
        return []
    listed = [] if isinstance(experiment.layers, str) else experiment.layers
    return [
        *(
            f"experiment {experiment.name}: layer {layer} is out of range, model {model.name} has "
            f"layers 0 to {n_layers - 1}"
            for layer in listed
            if not 0 <= layer < n_layers
        ),
        *file_faults(experiment, methods, catalog, n_layers, known_width(model, settings)),
    ]


def _no_letters(
    experiment: Experiment, asked: Sequence[Combination], catalog: Catalog
) -> list[str]:
    """Return the methods that project out the letter of concepts that show no options."""
    found = []
    for method, name in dict.fromkeys((c.method, c.concept) for c in asked):
        concept = catalog.get("concepts", name)
        if not takes_letter_out(catalog.get("methods", method)):
            continue
        if concept.answer_format != "letter":
            found.append(
                f"experiment {experiment.name}: method {method} projects out the letter, and "
                f"concept {name} has none (answer_format {concept.answer_format}); take one out"
            )
    return found


def _methods(asked: Sequence[Combination], catalog: Catalog, settings: Settings) -> list[str]:
    """Return the vector files and plugins that are not there, whatever the model is."""
    from runners.methods.method_faults import method_faults
    from runners.methods.plugins import Plugins

    plugins = Plugins(settings.plugins)
    names = dict.fromkeys(c.method for c in asked)
    return [f for name in names for f in method_faults(catalog.get("methods", name), plugins)]


def _text_sets(experiment: Experiment, catalog: Catalog) -> list[str]:
    """Return the text sets that nothing bears the name of, or that cannot be read."""
    from builders.text_sets import text_set_faults

    try:
        names = catalog.resolve("text_sets", experiment.text_sets)
        return text_set_faults([catalog.get("text_sets", name) for name in names])
    except Refused as refused:
        return [f"experiment {experiment.name}: {fault}" for fault in refused.faults]


def file_faults(
    experiment: Experiment,
    methods: Sequence[str],
    catalog: Catalog,
    n_layers: int,
    d_model: int | None,
) -> list[str]:
    """Return which vector files among `methods` do not fit a model, or lack a layer that is listed.

    `d_model` null leaves the width out.
    """
    from runners.methods.vector_layout import layout

    found = []
    for name in methods:
        spec = catalog.get("methods", name)
        if not isinstance(spec, VectorFile):
            continue
        try:
            layers = layout(spec, n_layers, d_model)
        except Refused as refused:
            found += [f"method {name}: {fault}" for fault in refused.faults]
            continue
        found += [
            f"experiment {experiment.name}: method {name} holds no vector for layer {layer}; it "
            f"has {', '.join(map(str, sorted(layers)))}"
            for layer in ([] if isinstance(experiment.layers, str) else experiment.layers)
            if layer not in layers
        ]
    return found


def _null_methods(
    experiment: Experiment, asked: Sequence[Combination], catalog: Catalog
) -> list[str]:
    """Return the nulls that are asked for as if they were methods."""
    found = []
    for name in dict.fromkeys(c.method for c in asked):
        method = catalog.get("methods", name)
        if isinstance(method, Random | LabelShuffled):
            found.append(
                f"experiment {experiment.name}: method {name} is a null, which rides along with a "
                "fitted vector; take it out of the methods and write "
                f"`nulls: {{{method.kind}: 20}}` (--nulls 20)"
            )
    return found


def _no_choice(experiment: Experiment) -> list[str]:
    """Return why no layer could be chosen, where one must be."""
    if not _chooses(experiment):
        return []
    choosers = dict.fromkeys(
        operators.choosing(operator, experiment.operators) for operator in experiment.operators
    )
    if not any(map(operators.graded, choosers)):
        return [
            f"experiment {experiment.name}: operator {experiment.operators[0]} has no slope to "
            "choose a layer by, which `layers: best`, nulls and resamples need; ask for operator "
            "add too, whose layer it takes, or name one layer"
        ]
    return [fault for operator in choosers for fault in _too_few_multipliers(experiment, operator)]


def _chooses(experiment: Experiment) -> bool:
    """Return whether a layer must be chosen, among several."""
    rides = experiment.nulls.random + experiment.nulls.label_shuffled + experiment.resamples
    if isinstance(experiment.layers, str):
        return experiment.layers == "best" or rides > 0
    return len(experiment.layers) > 1 and rides > 0


def _too_few_multipliers(experiment: Experiment, operator: str) -> list[str]:
    """Return why an operator's curve would have no slope."""
    zero = [0.0] if operators.identity_at_zero(operator) else []
    within = {*zero, *(m for m in experiment.multipliers if abs(m) <= WINDOW)}
    if len(within) >= POINTS:
        return []
    listed = ", ".join(f"{m:g}" for m in experiment.multipliers)
    return [
        f"experiment {experiment.name}: multipliers {listed} choose no layer, which `layers: best`,"
        f" nulls and resamples need: a slope takes {POINTS} of them within {WINDOW:g}, "
        + ("0 included; add e.g. -1 and 1" if zero else f"and operator {operator} measures 0 only ")
        + ("" if zero else "where it is among them; add e.g. -1, 0 and 1")
        + ", or name one layer"
    ]
