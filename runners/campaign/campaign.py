"""One experiment on one model: fit, choose layers, sweep; each step goes on where it stopped."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from runners.campaign import layers
from runners.campaign.asked import Asked, Run, Unit, gathered
from runners.campaign.bench import Bench
from runners.campaign.combinations import Combination
from runners.campaign.findings import unchosen_layers
from runners.console import say
from runners.fitting.derived import RESAMPLE, Draw
from runners.fitting.fitter import Fitter
from runners.fitting.norms import BASE
from specs import operators

if TYPE_CHECKING:
    from runners.fitting.vectors import SteeringVector
    from runners.models.load import LoadedModel
    from specs.catalog import Catalog
    from specs.schema import Experiment
    from specs.settings import Settings


class FitKey(NamedTuple):
    """What tells the vectors of one model apart."""

    fit_concept: str
    method: str
    fit_variants: tuple[str, ...]
    norm: str | None
    seed: int


@dataclass
class Campaign:
    """What one experiment asks of one model."""

    experiment: Experiment
    combinations: list[Combination]
    loaded: LoadedModel
    benches: dict[str, Bench]
    fitters: dict[str, Fitter]
    catalog: Catalog
    settings: Settings
    _vectors: dict[FitKey, SteeringVector] = field(default_factory=dict)
    _choices: dict[Combination, Combination] = field(default_factory=dict)
    _chosen: dict[Combination, int] = field(default_factory=dict)
    _derived: dict[tuple[str, int, int], list[SteeringVector]] = field(default_factory=dict)

    # Names -----------------------------------------------------------------------------------

    @property
    def wants_layer(self) -> bool:
        """Whether something is measured at one chosen layer only."""
        return layers.one_is_wanted(self.experiment)

    @property
    def chooses(self) -> bool:
        """Whether that layer must be chosen on validation first; one candidate needs no choice."""
        return self.wants_layer and len(self.layers) > 1

    @property
    def layers(self) -> tuple[int, ...]:
        """The candidate layers.

        Raises:
            Refused: a layer that the model does not have.
        """
        return layers.candidates(self.experiment, self.loaded)

    # Vectors and runs ------------------------------------------------------------------------

    def vector(self, combination: Combination) -> SteeringVector:
        """Return the vector of a combination, fitted once."""
        key = _fit_key(combination)
        if key not in self._vectors:
            self._fit(combination.fit_concept, combination.fit_variants)
        return self._vectors[key]

    def _fit(self, concept: str, variants: tuple[str, ...]) -> None:
        """Make all vectors that are fitted on the same prompts, which are read once for them."""
        fitter = self.fitters[concept]
        for c in self.combinations:
            if (c.fit_concept, c.fit_variants) != (concept, variants):
                continue
            spec = self.catalog.get("methods", c.method)
            key = _fit_key(c)
            if key not in self._vectors:
                self._vectors[key] = fitter.vector(spec, variants, c.norm, c.seed)
        fitter.release(keep=self._drawn_from(concept) | self._still_combined(concept))

    def _still_combined(self, concept: str) -> set[str]:
        """Return the fit variants of the means that are still to be made."""
        of_concept = [c for c in self.combinations if c.fit_concept == concept]
        means = [c for c in of_concept if len(c.fit_variants) > 1]
        return {v for c in means if _fit_key(c) not in self._vectors for v in c.fit_variants}

    def _drawn_from(self, concept: str) -> set[str]:
        """Return the fit variants whose training activations nulls and resamples will need."""
        if not self.experiment.nulls.label_shuffled + self.experiment.resamples:
            return set()
        choosers = (self._chooser(c) for c in self.combinations if c.fit_concept == concept)
        return {variant for chooser in choosers for variant in chooser.fit_variants}

    def close(self) -> None:
        """Let go of all training activations."""
        for fitter in self.fitters.values():
            fitter.release()

    def vectors(self) -> list[SteeringVector]:
        """Return every vector made so far, the base vectors of norms included."""
        bases = [vector for fitter in self.fitters.values() for vector in fitter.made()]
        derived = [vector for group in self._derived.values() for vector in group]
        return [*bases, *self._vectors.values(), *derived]

    def run(self, combination: Combination, vector: SteeringVector | None = None) -> Run:
        """Return the run of a combination, or of `vector` (a null) in its place."""
        return Run.of(
            self.benches[combination.concept],
            combination.variant,
            vector or self.vector(combination),
            combination.operator,
            combination.scope,
        )

    # Steps -----------------------------------------------------------------------------------

    def first_step(self) -> list[Unit]:
        """Return the validation sweep that chooses layers; everything, where nothing is chosen."""
        if not self.chooses:
            return self.second_step(self._undisputed())
        best_only = self.experiment.layers == "best"
        extra = [] if best_only or "validation" not in self.experiment.splits else self.combinations
        pairs = [
            (c, Asked(self.run(c), "validation", layer, self._multipliers(c)))
            for c in dict.fromkeys([*self.choosers(), *extra])
            for layer in self._all_layers(c)
        ]
        return self._units(pairs)

    def second_step(self, best: dict[str, int]) -> list[Unit]:
        """Return the reported sweep with what rides along; `best` maps choosing run_id -> layer."""
        for combination in self.combinations:
            run_id = self.run(self._chooser(combination)).run_id
            if run_id in best:
                self._chosen[combination] = best[run_id]
        unchosen = [c for c in self.combinations if c not in self._chosen and self.wants_layer]
        for line in unchosen_layers(unchosen):
            say(line)
        best_only = self.experiment.layers == "best"
        where = self._chosen_layer if best_only else self._all_layers
        fitted = self._asked_fitted(self.experiment.splits, where)
        derived = self._asked_derived()
        self.close()
        return self._units([*fitted, *derived])

    def _undisputed(self) -> dict[str, int]:
        """Return run_id -> the only candidate layer, where its vector is not degenerate."""
        if not self.wants_layer:
            return {}
        (layer,) = self.layers
        return {
            self.run(c).run_id: layer
            for c in self.choosers()
            if layer in self._all_layers(c) and not self.vector(c).degenerate(layer)
        }

    def choosing_runs(self) -> list[str]:
        """Return the run_ids whose validation slopes choose the layers."""
        return [self.run(c).run_id for c in self.choosers()]

    def choosers(self) -> list[Combination]:
        """Return the combinations whose validation slopes choose the layers."""
        return list(dict.fromkeys(self._chooser(c) for c in self.combinations))

    def _chooser(self, combination: Combination) -> Combination:
        """Return the combination that chooses the layer for `combination` (`best`).

        Among those on the vector's own concept that differ in their variants only: fitted and
        evaluated on base, or on the first variants by name, as the view best_layer has it. An
        operator without a slope takes the layer of one that has a slope.
        """
        if not self._choices:
            for c in sorted(self.combinations, key=_base_first):
                if c.concept == c.fit_concept:
                    self._choices.setdefault(c._replace(fit_variants=(), variant=""), c)
        operator = operators.choosing(combination.operator, self.experiment.operators)
        own = combination._replace(concept=combination.fit_concept, operator=operator)
        return self._choices[own._replace(fit_variants=(), variant="")]

    def _all_layers(self, combination: Combination) -> Iterable[int]:
        """Return the candidate layers that the combination's vector has a direction at."""
        directions = self.vector(combination).directions
        return layers.held(self.experiment, combination.method, directions, self.layers)

    def _chosen_layer(self, combination: Combination) -> Iterable[int]:
        return [self._chosen[combination]] if combination in self._chosen else []

    def _multipliers(self, combination: Combination) -> tuple[float, ...]:
        return operators.asked_multipliers(combination.operator, self.experiment.multipliers)

    def _asked_fitted(self, splits: Sequence[str], where: Any) -> list[tuple[Combination, Asked]]:
        return [
            (c, Asked(self.run(c), split, layer, self._multipliers(c)))
            for c in self.combinations
            for split in splits
            for layer in where(c)
        ]

    def _asked_derived(self) -> list[tuple[Combination, Asked]]:
        """Nulls and resamples of the vector that chose the layer, on every evaluation variant."""
        reported = [split for split in self.experiment.splits if split != "validation"]
        pairs = []
        for c in self.combinations:
            if c.fit_variants != self._chooser(c).fit_variants or c not in self._chosen:
                continue
            layer = self._chosen[c]
            for vector in self._derived_of(c, layer):
                run = self.run(c, vector)
                for split in reported or self.experiment.splits:
                    pairs.append((c, Asked(run, split, layer, self._multipliers(c))))
        return pairs

    def _derived_of(self, combination: Combination, layer: int) -> list[SteeringVector]:
        """Return the nulls and resamples of a combination's vector, drawn once."""
        parent = self.vector(combination)
        key = (parent.vector_id, layer, combination.seed)
        if key not in self._derived:
            counts = {
                "random": self.experiment.nulls.random,
                # A vector from a file has no labels to shuffle and no items to draw.
                "label_shuffled": self.experiment.nulls.label_shuffled if parent.fits else 0,
                RESAMPLE: self.experiment.resamples if parent.fits else 0,
            }
            draws = [
                Draw(kind, layer, combination.seed, number)
                for kind, count in counts.items()
                for number in range(count)
            ]
            fitter = self.fitters[combination.fit_concept]
            self._derived[key] = fitter.derived(parent, draws)
        return self._derived[key]

    def _units(self, pairs: Iterable[tuple[Combination, Asked]]) -> list[Unit]:
        named = [(self.benches[c.concept], c.variant, asked) for c, asked in pairs]
        return gathered(named, self.experiment.limit)


def _fit_key(combination: Combination) -> FitKey:
    """Return what tells vectors apart; operators, scopes and evaluation variants do not."""
    c = combination
    return FitKey(c.fit_concept, c.method, c.fit_variants, c.norm, c.seed)


def _base_first(combination: Combination) -> tuple[int, bool, tuple[str, ...], bool, str]:
    """Sort what is fitted on fewer variants first, then base before the others, those by name."""
    fit, evaluated = combination.fit_variants, combination.variant
    return len(fit), BASE not in fit, fit, evaluated != BASE, evaluated
