"""Fits that need the model itself: method `optimised`, from its spec to raw vectors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import ceil
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from runners.campaign.budgets import Budgets
from runners.console import bar, say
from runners.fitting.estimator import parameters
from runners.fitting.training import fit_of, residual_norm_of
from runners.methods.label_shuffled import label_shuffled
from runners.methods.letter import letter_axis, without
from runners.methods.mean_difference import mean_difference
from runners.methods.optimised import Found, Track, optimise
from runners.methods.pairs import Pairs
from specs.faults import Refused
from specs.identity import canonical_json, sha256
from specs.schema import Optimised

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import Any

    from runners.engine.differentiable import Steered
    from runners.fitting.fitter import Fitted, Fitter
    from runners.fitting.training import Training
    from runners.fitting.vectors import SteeringVector
    from runners.prompts.positions import TokenisedItem

MOST = 16
"""Vectors that are sought at once, at most: each is two chains, which meet in one attention."""
KEPT = 4
"""One part in so many of the free memory may hold what is kept of the prompts."""


class Wish(NamedTuple):
    """One vector to be found, in terms of the rows of all variants' training items, joined."""

    layer: int
    rows: np.ndarray
    """int: the items that count, repeats included."""
    signs: np.ndarray
    """float64 [items]: -1 where completions are exchanged."""


def optimised_parameters(fitter: Fitter, method: Optimised) -> dict[str, Any]:
    """Return what of the spec decides its vectors, with the id of the vector that bounds them.

    Raises:
        Refused: bound `base` where there is no base vector.
    """
    found = parameters(method, fitter.plugins)
    if method.bound == "base":
        found["bound_vector_id"] = _bounding(fitter).vector_id
    return found


def _bounding(fitter: Fitter) -> SteeringVector:
    """Return the vector whose length bounds others under `bound: base`."""
    return fitter.base_vector("`bound: base`", "a number as `bound`")


@dataclass(frozen=True)
class Optimiser:
    """Finds the vectors of one fit: the whole one, its resamples and label shuffles alike."""

    fitter: Fitter
    how: Fitted

    def whole(self) -> dict[int, np.ndarray]:
        """Return layer -> raw vector, float64 [d_model]."""
        n_items = sum(len(training.questions) for training in self._trainings)
        layers = range(self.fitter.bench.loaded.n_layers)
        wishes = [Wish(layer, np.arange(n_items), np.ones(n_items)) for layer in layers]
        return dict(zip(layers, self.find(wishes), strict=True))

    def find(self, wishes: Sequence[Wish]) -> list[np.ndarray]:
        """Return the raw vector of each wish; of several variants, the mean of theirs."""
        found: list[list[np.ndarray]] = [[] for _ in wishes]
        start = 0
        for variant, training in zip(self.how.variants, self._trainings, strict=True):
            span = range(start, start := start + len(training.questions))
            own = [self._track(wish, training, span) for wish in wishes]
            asked = [i for i, track in enumerate(own) if track]
            tracks = [track for track in own if track]
            for i, one in zip(asked, self._part(variant, tracks), strict=True):
                found[i].append(one.raw)
        means: list[np.ndarray] = [np.mean(vectors, axis=0) for vectors in found]
        return means

    @cached_property
    def _trainings(self) -> list[Training]:
        return self.fitter.trainings(self.how)

    @cached_property
    def _method(self) -> Optimised:
        method = self.how.method
        assert isinstance(method, Optimised)
        return method

    @cached_property
    def _bounds(self) -> Mapping[int, float]:
        """Map each layer to the largest length there."""
        if self._method.bound == "base":
            return _bounding(self.fitter).raw_length
        lengths = self._method.bound * residual_norm_of(self._trainings)
        return dict(enumerate(lengths.tolist()))

    def _track(self, wish: Wish, training: Training, span: range) -> Track | None:
        """Return what a wish asks of one variant's items; None where it draws none of them."""
        own = wish.rows[(wish.rows >= span.start) & (wish.rows < span.stop)] - span.start
        if not len(own):
            return None
        n_items, method = len(span), self._method
        signs, bound = wish.signs[span.start : span.stop], self._bounds[wish.layer]
        start, axis = np.zeros(self.fitter.bench.loaded.d_model), None
        if method.project_out or method.start == "mean_difference":
            pairs = training.pairs(wish.layer).exchanged(signs).take(own)
            axis = letter_axis(pairs) if method.project_out else None
            if method.start == "mean_difference":
                start = _brought(mean_difference(pairs.positive, pairs.negative), axis, bound)
        weights = np.bincount(own, minlength=n_items).astype(np.float64)
        return Track(wish.layer, weights, signs, bound, start, axis)

    def _part(self, variant: str, tracks: Sequence[Track]) -> list[Found]:
        """Find the tracks of one variant, some at a time."""
        if not tracks:  # no draw has any of its items
            return []
        from runners.engine.differentiable import frozen, rows_of

        bench, method = self.fitter.bench, self._method
        fit, used = fit_of(bench, variant)
        items = [bench.tokenised(variant).fit[item] for item in used]
        batches = _batches(self.fitter, items, method)
        rows = max(rows_of(bench.loaded, some, method.scope) for some in batches.of(items))
        budget = Budgets.of(self.fitter.tokens_per_batch).at(f"{fit.variant_id}/optimise")
        most = max(1, min(MOST, budget.tokens // (2 * rows * min(method.batch, len(items)))))
        prompts = _Prompts(self.fitter, items, batches, method.scope)
        label, visits = f"{bench.concept.name} · {variant}", batches.visits(method.steps)
        with frozen(bench.loaded.model), bar(ceil(len(tracks) / most) * visits) as progress:
            progress.label(f"optimising {label}")

            def do(some: Sequence[Track]) -> list[Found]:
                device = bench.loaded.device
                return optimise(batches.rows, prompts.of, some, method, device, progress.advance)

            found = _some_at_once(tracks, most, do)
        least = min(range(len(found)), key=lambda i: found[i].loss)
        layer = tracks[least].layer
        say(
            f"optimised {label}: {len(found)} vectors in {method.steps} steps; loss "
            f"{np.log(2):.3f} unsteered, at best {found[least].loss:.3f} (layer {layer})"
        )
        return found


def drawn_wish(
    layer: int, questions: Sequence[str], seed: int, number: int, resampled: bool
) -> Wish:
    """Return the wish of a resample, or of a label shuffle, of items of these questions."""
    from runners.fitting.draws import resampled_rows

    every, same = np.arange(len(questions)), np.ones(len(questions))
    if resampled:
        return Wish(layer, resampled_rows(questions, seed, number), same)
    # The signs are those that the activations of any other method are exchanged by.
    blank = np.zeros((len(questions), 1))
    shuffled = label_shuffled(Pairs.of(blank, blank, same), questions, seed, number)
    return Wish(layer, every, shuffled.order)


class _Batches(NamedTuple):
    """Which items go through together."""

    rows: list[list[int]]

    def of(self, items: Sequence[TokenisedItem]) -> Iterator[list[TokenisedItem]]:
        """Yield the items of each batch."""
        for batch in self.rows:
            yield [items[i] for i in batch]

    def visits(self, steps: int) -> int:
        """Return about how many items a fit of so many steps meets, the last look included."""
        n_items = sum(map(len, self.rows))
        return round(steps * n_items / len(self.rows)) + n_items


def _batches(fitter: Fitter, items: Sequence[TokenisedItem], method: Optimised) -> _Batches:
    """Cut the items, in an order drawn by their names, into batches of what may go together."""
    from runners.engine.resume import companies

    model = fitter.bench.loaded
    drawn = sorted(
        range(len(items)),
        key=lambda i: sha256(canonical_json(["batch", method.seed, items[i].item_id])),
    )
    lines = [items[i].lines[0] for i in drawn]
    alike: dict[tuple[int, int], list[int]] = {}
    for number, company in enumerate(companies(model, lines)):
        for place in sorted(company):
            i = drawn[place]
            alike.setdefault((number, len(items[i].shared)), []).append(i)
    size = method.batch
    return _Batches([g[at : at + size] for g in alike.values() for at in range(0, len(g), size)])


def _some_at_once(
    tracks: Sequence[Track], most: int, do: Callable[[Sequence[Track]], list[Found]]
) -> list[Found]:
    """Do at most `most` tracks at once, half as many whenever memory runs out.

    Raises:
        Refused: it does for a single one.
    """
    from runners.engine.budget import let_go, out_of_memory

    found: list[Found] = []
    while len(found) < len(tracks):
        try:
            found += do(tracks[len(found) : len(found) + most])
            continue
        except (RuntimeError, MemoryError) as error:
            if not out_of_memory(error):
                raise
        let_go()
        if most == 1:
            raise Refused(
                "method optimised: the gradient of one vector does not fit into memory; lower "
                "`batch` of the method, or load the model in a smaller dtype"
            )
        most //= 2
        say(f"out of memory: going on with {most} vectors at once")
    return found


class _Prompts:
    """The prompts of each batch, ready to be steered: kept while memory allows, else run again."""

    def __init__(
        self, fitter: Fitter, items: Sequence[TokenisedItem], batches: _Batches, scope: str
    ) -> None:
        self.loaded, self.scope = fitter.bench.loaded, scope
        self.items = list(batches.of(items))
        self._kept: dict[int, Steered] = {}
        self._room: int | None = None

    def of(self, number: int) -> Steered:
        """Return the prompts of a batch."""
        from runners.engine.differentiable import steered

        if number in self._kept:
            return self._kept[number]
        found = steered(self.loaded, self.items[number], self.scope)
        if self._room is None:
            from runners.models.free_memory import free_memory

            self._room = free_memory(self.loaded.device) // KEPT
        if found.size <= self._room:
            self._room -= found.size
            self._kept[number] = found
        return found


def _brought(vector: np.ndarray, axis: np.ndarray | None, bound: float) -> np.ndarray:
    """Return a vector without an axis, at the length `bound`."""
    left = vector if axis is None else without(axis, vector)
    length = np.linalg.norm(left)
    found: np.ndarray = left * (bound / length) if length else left
    return found
