"""What is wrong with the approximators of an experiment, found without torch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from specs.reader import place
from specs.schema import AimedMethod, Fgaa

if TYPE_CHECKING:
    from specs.catalog import Catalog
    from specs.schema import Experiment, Model


def experiment_faults(
    experiment: Experiment, model: Model, methods: Sequence[str], catalog: Catalog
) -> Iterator[str]:
    """Yield why the approximators of an experiment's methods cannot serve on a model."""
    for name in methods:
        method = catalog.get("methods", name)
        if not isinstance(method, AimedMethod | Fgaa):
            continue
        spec = catalog.get("approximators", method.approximator)
        if spec.model != model.name:
            yield (
                f"experiment {experiment.name}: method {name} aims by approximator {spec.name}, "
                f"which is for model {spec.model}, and the experiment asks for it on {model.name}; "
                "exclude it there, or write an approximator of its own"
            )
        if isinstance(method, Fgaa) and method.sae != spec.sae:
            yield (
                f"{place(method, ('sae',))}: approximator {spec.name} foretells the features of "
                f"SAE {spec.sae}; name that one"
            )
        for one in dict.fromkeys((spec.sae, spec.inputs.sae)):
            layer = catalog.get("saes", one).layer
            if layer not in (None, spec.layer):
                yield (
                    f"{place(spec, ('layer',))}: layer {spec.layer}, but SAE {one} reads layer "
                    f"{layer}; name that layer, or another SAE"
                )
