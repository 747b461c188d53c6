"""The approximators of one run on one model: fitted once, read back ever after."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from runners.approximator.ids import Subject, approximator_id
from runners.approximator.inputs import n_wanted
from specs.faults import Refused
from specs.reader import place

if TYPE_CHECKING:
    import numpy as np

    from runners.approximator.guided import FgaaFit
    from runners.approximator.linear_map import EffectsOf
    from runners.approximator.saved import FittedApproximator
    from runners.saes.loaded import LoadedSae
    from runners.saes.shelf import Saes
    from specs.schema import Approximator, Fgaa


class Measuring(Protocol):
    """How the effects of vectors are measured: what rollouts offer to an approximator."""

    def prompt_set_id(self, spec: Approximator) -> str:
        """Return the id of a spec's openings."""
        ...

    def effects(self, spec: Approximator, sae: LoadedSae) -> EffectsOf:
        """Return what measures effects on the features of `sae` as a spec asks."""
        ...


@dataclass
class Approximators:
    """Approximators by the name of their spec."""

    saes: Saes
    measuring: Measuring
    _found: dict[str, FittedApproximator] = field(default_factory=dict)
    _densities: dict[tuple[str, str], np.ndarray] = field(default_factory=dict)

    def spec(self, name: str) -> Approximator:
        """Return a spec, for the model of the run.

        Raises:
            Refused: it is for another one.
        """
        found, here = self.saes.catalog.get("approximators", name), self.saes.loaded.spec.name
        if found.model != here:
            raise Refused(
                f"{place(found, ('model',))}: it is for {found.model}, and this run is on model "
                f"{here}; take the method out for this model, or write an approximator of its own"
            )
        return found

    def identity(self, name: str) -> str:
        """Return the id of an approximator, whether or not it is fitted yet."""
        spec = self.spec(name)
        return approximator_id(
            spec, self._subject(spec), n_wanted(spec.inputs, self.saes.get(spec.inputs.sae))
        )

    def get(self, name: str) -> FittedApproximator:
        """Return an approximator, measured and fitted now where it is not there.

        Raises:
            Refused: as `make_approximator` and `Saes.get`.
        """
        from runners.approximator.make import make_approximator

        if name not in self._found:
            spec = self.spec(name)
            sae, inputs = self.saes.get(spec.sae), self.saes.get(spec.inputs.sae)
            self._found[name] = make_approximator(
                self.saes.settings.home,
                spec,
                self._subject(spec),
                sae,
                inputs,
                self.measuring.effects(spec, sae),
            )
        return self._found[name]

    def guided(self, method: Fgaa) -> FgaaFit:
        """Return what method `fgaa` fits with.

        Raises:
            Refused: the features of the method are not those of its approximator, and as `get`.
        """
        from runners.approximator.guided import FgaaFit, bos_features

        spec, sae = self.spec(method.approximator), self.saes.get(method.sae)
        if sae.sae_id != self.saes.get(spec.sae).sae_id:
            raise Refused(
                f"{place(method, ('sae',))}: approximator {spec.name} foretells the features of "
                f"SAE {spec.sae}; name that one"
            )
        found = self.get(spec.name)
        return FgaaFit(
            sae,
            method,
            found.map,
            self._density(method),
            bos_features(sae, self.saes.loaded, method.bos_features),
        )

    def _density(self, method: Fgaa) -> np.ndarray:
        from runners.approximator.guided import density

        key = method.sae, method.density_texts
        if key not in self._densities:
            texts = self.saes.texts(method.density_texts).texts
            self._densities[key] = density(
                self.saes.get(method.sae), self.saes.loaded, [text.prompt for text in texts]
            )
        return self._densities[key]

    def text_set_id(self, name: str) -> str:
        """Return the id of a text set by the name of its spec."""
        return self.saes.texts(name).read.text_set_id

    def _subject(self, spec: Approximator) -> Subject:
        return Subject(
            self.saes.loaded.model_id,
            self.saes.get(spec.sae).sae_id,
            self.saes.get(spec.inputs.sae).sae_id,
            self.measuring.prompt_set_id(spec),
            self.text_set_id(spec.rise.text_set) if spec.rise else None,
        )
