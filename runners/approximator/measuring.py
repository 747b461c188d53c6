"""How the effects of vectors are measured in a run: the seam between approximators and rollouts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from specs.faults import Refused
from specs.identity import identity

if TYPE_CHECKING:
    from runners.approximator.linear_map import EffectsOf
    from runners.approximator.shelf import Measuring
    from runners.saes.loaded import LoadedSae
    from runners.saes.shelf import Saes
    from specs.schema import Approximator


def measuring(saes: Saes) -> Measuring:
    """Return what measures effects on the model of a run."""
    return _NoRollouts(saes)


@dataclass(frozen=True)
class _NoRollouts:
    """Approximators that are there are read; none is measured."""

    saes: Saes

    def prompt_set_id(self, name: str) -> str:
        """Return an id of the name."""
        return identity("prompt_set", name=name)

    def effects(self, spec: Approximator, sae: LoadedSae) -> EffectsOf:
        """Return what refuses to measure."""

        def refuse(_vectors: object) -> None:
            raise Refused(
                f"approximator {spec.name}: effects on the features of {spec.sae} cannot be "
                "measured in a run yet; name one that is fitted"
            )

        return refuse  # type: ignore[return-value]
