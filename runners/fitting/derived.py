"""Vectors derived from a fitted one, at one layer: its nulls and its resamples.

A null says what a vector of that length, or of shuffled labels, does by chance; a resample, fitted
on a bootstrap draw of the training questions, says how much the vector itself could have varied.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from runners.fitting.draws import gaussian_direction, resampled_rows
from runners.fitting.given import given
from runners.fitting.recipes import AtLayer, Recipe, steering_vector
from runners.fitting.text_draws import resampled_texts, shuffled_labels
from runners.fitting.training import joined, questions_of
from runners.methods.label_shuffled import label_shuffled
from runners.methods.texts import Texts
from specs.schema import Optimised

if TYPE_CHECKING:
    from runners.fitting.estimator import Estimator
    from runners.fitting.fitter import Fitted, Fitter
    from runners.fitting.vectors import SteeringVector
    from runners.methods.pairs import Pairs


RESAMPLE = "resample"


class Draw(NamedTuple):
    """One vector derived from a fitted one, at one layer."""

    kind: str
    """`random`, `label_shuffled` or `resample`."""
    layer: int
    seed: int
    number: int
    """Its place among the draws of that seed."""


class Stored(NamedTuple):
    """What the warehouse holds of a derived vector."""

    direction: np.ndarray
    """float32 [d_model], at its norm."""
    raw_length: float
    factor: float


@dataclass(frozen=True)
class Deriver:
    """Derives vectors from a fitted one; what the warehouse holds is read, not drawn again."""

    fitter: Fitter
    parent: SteeringVector
    how: Fitted | None
    """How the parent was fitted; null for a vector from a file."""
    settled: dict[int, Estimator] = field(default_factory=dict)
    """layer -> what fits it again."""

    def make(self, draws: Sequence[Draw]) -> list[SteeringVector]:
        """Return one vector per draw, in order; no more than its id where this is only a plan."""
        recipes = [self._recipe(draw) for draw in draws]
        ids = [recipe.vector_id for recipe in recipes]
        if self.fitter.plan_only:
            roles = ["resample" if draw.kind == RESAMPLE else "null" for draw in draws]
            return [
                replace(self.parent, vector_id=recipe.vector_id, method=recipe.method, role=role)
                for recipe, role in zip(recipes, roles, strict=True)
            ]
        stored = self._stored(ids)
        missing = [
            draw for i, draw in zip(ids, draws, strict=True) if (i, draw.layer) not in stored
        ]
        sought = self._sought(missing)
        return [
            self._vector(recipe, draw, stored.get((identity, draw.layer)), sought.get(draw))
            for identity, recipe, draw in zip(ids, recipes, draws, strict=True)
        ]

    def _sought(self, draws: Sequence[Draw]) -> dict[Draw, np.ndarray]:
        """Return the raw vectors of a method that needs the model itself, all sought at once."""
        fitted = [draw for draw in draws if draw.kind != "random"]
        if not fitted or self.how is None or not isinstance(self.how.method, Optimised):
            return {}
        from runners.fitting.optimising import Optimiser, drawn_wish

        questions = questions_of(self.fitter.trainings(self.how))
        wishes = [
            drawn_wish(draw.layer, questions, draw.seed, draw.number, draw.kind == RESAMPLE)
            for draw in fitted
        ]
        return dict(zip(fitted, Optimiser(self.fitter, self.how).find(wishes), strict=True))

    def _recipe(self, draw: Draw) -> Recipe:
        """Describe a draw: a resample has its parent's method, a null is one of its own."""
        parent, again = self.parent, draw.kind == RESAMPLE
        return Recipe(
            parent.model_id,
            parent.method if again else draw.kind,
            parent.parameters if again else {},
            parent.fits,
            parent.norm,
            parent.norm_vector_id,
            draw.seed,
            draw.number,
            parent.vector_id,
            parent.combination if again else None,
        )

    def _stored(self, ids: Sequence[str]) -> dict[tuple[str, int], Stored]:
        """Return what is in the warehouse already: it needs no training activations."""
        from warehouse import file, queries
        from warehouse.connect import connect

        if not file.path(self.fitter.home).exists():
            return {}
        with connect(self.fitter.home) as connection:
            rows = queries.rows(connection, "stored_directions", vector_ids=list(ids))
        return {
            (identity, layer): Stored(np.asarray(direction, np.float32), raw_length, factor)
            for identity, layer, direction, raw_length, factor in rows
        }

    def _draw(self, draw: Draw, sought: np.ndarray | None) -> AtLayer:
        """Draw one vector; its norm is the parent's FACTOR, for `random` its length."""
        parent, layer = self.parent, draw.layer
        norm = parent.residual_norm.get(layer)
        if draw.kind == "random":
            length = parent.raw_length[layer] * parent.factor[layer]
            d_model = self.fitter.bench.loaded.d_model
            key = (draw.seed, draw.number, layer, parent.vector_id)
            return AtLayer(length * gaussian_direction(*key, d_model), 1.0, norm)
        if sought is not None:
            return AtLayer(sought, parent.factor[layer], norm)
        assert self.how is not None, "a vector from a file has no training items"
        trainings = self.fitter.trainings(self.how)
        pairs = given(self.fitter, self.how, joined(trainings, layer))
        if layer not in self.settled:
            self.settled[layer] = self.fitter.estimator(self.how).settled(pairs)
        drawn = _drawn(pairs, questions_of(trainings), draw)
        return AtLayer(self.settled[layer](drawn), parent.factor[layer], norm)

    def _vector(
        self, recipe: Recipe, draw: Draw, stored: Stored | None, sought: np.ndarray | None
    ) -> SteeringVector:
        """Return the vector of a draw; a stored one to the last bit as it was measured."""
        import torch

        layer = draw.layer
        if stored:
            norm = self.parent.residual_norm.get(layer)
            at = AtLayer(stored.direction, stored.factor, norm)
        else:
            at = self._draw(draw, sought)
        again = draw.kind == RESAMPLE
        vector = steering_vector(
            recipe,
            self.parent.name if again else draw.kind,
            {layer: at},
            "resample" if again else "null",
        )
        if stored is None:
            return vector
        return replace(
            vector,
            directions={layer: torch.from_numpy(stored.direction)},
            raw_length={layer: stored.raw_length},
        )


def _drawn(pairs: Pairs | Texts, questions: Sequence[str], draw: Draw) -> Pairs | Texts:
    """Return what a resample or a shuffle of labels is fitted on; of texts each by itself."""
    key = draw.seed, draw.number
    if isinstance(pairs, Texts):
        if draw.kind == RESAMPLE:
            return pairs.take(resampled_texts(questions, pairs.is_positive, *key))
        return pairs.labelled(shuffled_labels(questions, pairs.is_positive, *key))
    if draw.kind == RESAMPLE:
        return pairs.take(resampled_rows(questions, *key))
    return label_shuffled(pairs, questions, *key)
