"""The layers that an experiment asks for, of those that a model and its vectors have."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from specs.faults import Refused

if TYPE_CHECKING:
    from runners.models.load import LoadedModel
    from specs.schema import Experiment


def one_is_wanted(experiment: Experiment) -> bool:
    """Return whether something is measured at one chosen layer only."""
    derived = experiment.nulls.random + experiment.nulls.label_shuffled + experiment.resamples
    return experiment.layers == "best" or derived > 0


def candidates(experiment: Experiment, loaded: LoadedModel) -> tuple[int, ...]:
    """Return the layers among which one may be chosen: all of the model, or those listed.

    Raises:
        Refused: a layer that the model does not have.
    """
    n_layers = loaded.n_layers
    if isinstance(experiment.layers, str):
        return tuple(range(n_layers))
    wrong = [layer for layer in experiment.layers if not 0 <= layer < n_layers]
    if wrong:
        raise Refused(
            f"experiment {experiment.name}: layer {wrong[0]} is out of range, model "
            f"{loaded.spec.name} has layers 0 to {n_layers - 1}"
        )
    return tuple(dict.fromkeys(experiment.layers))


def held(
    experiment: Experiment, method: str, has: Collection[int], asked: Sequence[int]
) -> list[int]:
    """Return the layers of `asked` at which a method's vector `has` a direction.

    Raises:
        Refused: a listed layer at which it has none.
    """
    missing = [layer for layer in asked if layer not in has]
    if missing and not isinstance(experiment.layers, str):
        raise Refused(
            f"method {method}: holds no vector for layer {missing[0]}; it has "
            f"{', '.join(map(str, sorted(has)))}"
        )
    return [layer for layer in asked if layer in has]
