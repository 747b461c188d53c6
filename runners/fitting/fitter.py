"""From training items to steering vectors: fits, their norms, their nulls."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NamedTuple

from runners.campaign.bench import Bench
from runners.campaign.budgets import Budgets
from runners.campaign.texts_bench import TextsBench
from runners.fitting import vectors
from runners.fitting.aimed_vectors import aimed_vector
from runners.fitting.estimator import Estimator, parameters
from runners.fitting.file_vectors import file_vector
from runners.fitting.layerwise import fit_layers
from runners.fitting.norms import BASE, default_norm, no_base
from runners.fitting.recipes import AtLayer, Recipe, planned_vector, steering_vector
from runners.fitting.sae_vectors import decoder_vector, layers_of, named_by_id, sae_fit
from runners.fitting.shelf import Place, Shelf
from runners.fitting.texts_training import TextsReader
from runners.fitting.training import Training, TrainingReader, fit_of
from runners.fitting.vectors import SteeringVector
from runners.methods.plugins import Plugins
from specs.faults import Refused
from specs.schema import (
    AimedMethod,
    FittedMethod,
    LabelShuffled,
    MeanDifference,
    Optimised,
    Random,
    SaeDecoder,
    SaeFitted,
    VectorFile,
    takes_letter_out,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from pathlib import Path

    from runners.approximator.shelf import Approximators
    from runners.campaign.ids import Fit
    from runners.fitting.derived import Draw
    from runners.methods.texts import Texts
    from runners.saes.shelf import Saes
    from specs.schema import Method, Read

BASE_READ: Read = "answer_token"
"""Where the vector whose length norm `base` means is read."""


class Fitted(NamedTuple):
    """How a vector came about: what its resamples and shuffles do again."""

    method: FittedMethod
    variants: tuple[str, ...]


@dataclass
class Fitter:
    """Fits vectors for one bench; a vector saved earlier is read back, not fitted again."""

    bench: Bench | TextsBench
    home: Path
    provenance: dict[str, str]
    tokens_per_batch: int | Budgets
    plan_only: bool = False
    """Vectors that are not there get their id and no direction: for a dry run."""
    reads: frozenset[Read] = frozenset()
    """All read positions that will be asked for: they are read together."""
    keep_activations: bool = False
    shelf: Shelf = field(default_factory=Shelf)
    plugins: Plugins = field(default_factory=Plugins)
    saes: Saes | None = None
    """What methods take features of; null where no method can ask for any."""
    approximators: Approximators | None = None
    """What methods aim by; null likewise."""
    features: dict[tuple[str, str], Texts] = field(default_factory=dict)
    """(sae_id, read) -> features of the bench's texts, let go of with its activations."""
    _made: dict[str, SteeringVector] = field(default_factory=dict)
    _how: dict[str, Fitted] = field(default_factory=dict)
    n_fitted: int = 0

    def made(self) -> list[SteeringVector]:
        """Return every fitted vector asked for so far, those that only give a norm included."""
        return list(self._made.values())

    def vector(
        self, method: Method, variants: str | tuple[str, ...], norm: str | None, seed: int
    ) -> SteeringVector:
        """Return the vector of `method` fitted under a variant, or the mean of those under several.

        `norm` replaces the method's own.

        Raises:
            Refused: the norm `base` where there is no base vector, a vector file that does not
                fit the model, no usable training item, no letter to project out, and what a
                plugin does not do as it should.
        """
        if isinstance(method, VectorFile):
            return file_vector(self, method, norm)
        if isinstance(method, SaeDecoder):
            return decoder_vector(self, method, norm)
        if isinstance(method, AimedMethod):
            return aimed_vector(self, method, norm)
        if isinstance(method, Random | LabelShuffled):
            raise Refused(
                f"method {method.name}: a null rides along with a fitted vector; ask for it under "
                f"`nulls: {{{method.kind}: 20}}` of the experiment"
            )
        several = (variants,) if isinstance(variants, str) else variants
        return self._fitted(method, several, norm)

    def norm_of(self, method: Method | FittedMethod, norm: str | None) -> str:
        """Return the norm of a vector: as asked, else the method's, else base where it exists."""
        return str(norm or getattr(method, "norm", None) or default_norm(self.bench))

    def derived(self, parent: SteeringVector, draws: Sequence[Draw]) -> list[SteeringVector]:
        """Return nulls and resamples of `parent`, which was made here, one a draw."""
        from runners.fitting.derived import Deriver

        return Deriver(self, parent, self._how.get(parent.vector_id)).make(draws)

    def release(self, keep: Collection[str] = ()) -> None:
        """Let go of the training activations, but for those under the variants `keep`.

        Whoever needs them again reads them again.
        """
        self.features.clear()
        built = self.bench.dataset.variants
        kept = {built[variant].variant_id for variant in keep if variant in built}
        self.shelf.drop_dataset(self.bench.dataset.dataset_id, kept)

    def training(self, variant: str, read: Read = BASE_READ) -> Training:
        """Return the training activations under a variant at a read position.

        What an earlier run kept is used; else the prompts are read, for all read positions at once.
        """
        place = self._place(variant, read)
        if (found := self.shelf.get(place)) is None:
            found = self._read(variant, read)
        return found

    def _read(self, variant: str, wanted: Read) -> Training:
        """Put the activations of all read positions that are not at hand on the shelf."""
        kind = TextsReader if isinstance(self.bench, TextsBench) else TrainingReader
        reader = kind(self.bench, variant, self.home, self.provenance, self.keep_activations)
        together = self.reads | {wanted} | ({BASE_READ} if variant == BASE else set())
        missing = []
        for read in sorted(r for r in together if not self.shelf.get(self._place(variant, r))):
            if kept := reader.kept(read):
                self.shelf.put(self._place(variant, read), kept)
            else:
                missing.append(read)
        if wanted in missing:
            self.shelf.make_room(self.home, reader.size(len(missing)))
            for read, training in reader.read(missing, self.tokens_per_batch).items():
                self.shelf.put(self._place(variant, read), training)
        found = self.shelf.get(self._place(variant, wanted))
        assert found is not None
        return found

    def _place(self, variant: str, read: str) -> Place:
        variant_id = self.bench.dataset.variants[variant].variant_id
        return Place(self.bench.dataset.dataset_id, variant_id, read)

    def _fitted(
        self, method: FittedMethod, variants: tuple[str, ...], norm: str | None
    ) -> SteeringVector:
        """Fit, or read back, one method on one variant, or the mean over several."""
        wanted = self.norm_of(method, norm)
        base = None
        if wanted == BASE and not self._is_base(method, variants):
            base = self.base_vector()
        fits = self._fits(variants)
        recipe = Recipe(
            self.bench.loaded.model_id,
            str(getattr(method, "kind", "")),
            self._parameters(method),
            tuple(fits.values()),
            wanted,
            base.vector_id if base else None,
            combination="mean" if len(fits) > 1 else None,
        )
        how = self._how[recipe.vector_id] = Fitted(method, tuple(fits))
        if self.keep_activations and not self.plan_only:
            self.trainings(how)
        saved = self.saved(recipe, method.name)
        if saved:
            return saved
        if self.plan_only:
            return planned_vector(recipe, method.name, layers_of(self, method))
        return self.save(recipe, method.name, fit_layers(self, how, wanted, base))

    def _parameters(self, method: FittedMethod) -> dict[str, Any]:
        """Return what of a method's spec decides its vectors, as their ids hash it."""
        found = parameters(method, self.plugins)
        if isinstance(method, SaeFitted):
            return named_by_id(self, method, found)
        if not isinstance(method, Optimised):
            return found
        from runners.fitting.optimising import optimised_parameters

        return optimised_parameters(self, method)

    def _fits(self, variants: tuple[str, ...]) -> dict[str, Fit]:
        """Return variant -> fit, in an order of ids: names and their order decide nothing."""
        found = {variant: fit_of(self.bench, variant)[0] for variant in variants}
        once = {fit: variant for variant, fit in reversed(found.items())}
        return {once[fit]: fit for fit in sorted(once)}

    def _is_base(self, method: FittedMethod, variants: tuple[str, ...]) -> bool:
        """Return whether a fit is the one whose length norm `base` means."""
        plain = isinstance(method, MeanDifference) and method.project_out is None
        return plain and method.read == BASE_READ and variants == (BASE,)

    def trainings(self, how: Fitted) -> list[Training]:
        """Return the activations of every variant of a fit.

        Raises:
            Refused: the disk has no room for all of them at once; a letter is to be projected
                out, and all items have one option order.
        """
        read = how.method.read
        found = [self.training(variant, read) for variant in how.variants]
        if any(
            self.shelf.get(self._place(variant, read)) is not training
            for variant, training in zip(how.variants, found, strict=True)
        ):
            raise Refused(
                f"{self.home}: no room for the training activations of {len(found)} variants at "
                "once, as their mean needs; make room, or name a folder on another disk by --home"
            )
        if takes_letter_out(how.method) and any(len(set(t.order.tolist())) < 2 for t in found):
            raise Refused(
                f"concept {self.bench.concept.name}, method {how.method.name}: the letter cannot "
                "be told from the concept, for the positive option has one place in all training "
                "items; set `option_order: {train: both}` in the concept, or leave out project_out"
            )
        return found

    def estimator(self, how: Fitted) -> Estimator:
        """Return what fits a method's vectors; a plugin's code is run here."""
        if isinstance(how.method, SaeFitted):
            return Estimator(sae_fit(self, how.method))
        return Estimator.of(how.method, self.plugins)

    def saved(self, recipe: Recipe, name: str) -> SteeringVector | None:
        """Return a vector made before, here or in an earlier run, under the name asked for now."""
        loaded, identity = self.bench.loaded, recipe.vector_id
        found = self._made.get(identity) or vectors.load(
            self.home, identity, loaded.model_id, loaded.d_model, self.provenance
        )
        if found:
            self._made[identity] = found = replace(found, name=name)
        return found

    def save(self, recipe: Recipe, name: str, layers: Mapping[int, AtLayer]) -> SteeringVector:
        """Make a fitted vector and write its file."""
        vector = steering_vector(recipe, name, layers)
        vectors.save(self.home, vector, self.provenance)
        self._made[vector.vector_id] = vector
        self.n_fitted += 1
        return vector

    def base_vector(self, what: str = "norm base", instead: str = "`norm: raw`") -> SteeringVector:
        """Return the vector whose length norm `base` means.

        Raises:
            Refused: there is none, so that `what` has no meaning and `instead` is to be used.
        """
        if BASE not in self.bench.dataset.variants:
            raise Refused(no_base(self.bench, what, instead))
        base = MeanDifference(kind="mean_difference", name="mean_difference", read=BASE_READ)
        return self._fitted(base, (BASE,), BASE)
