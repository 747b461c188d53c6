"""optimised: the vector by which the model itself prefers the positive completions most.

Bi-directional preference optimisation (BiPO; Cao et al. 2024, arXiv 2406.00045), on logit
differences: with v added the positive completion is to be preferred more than unsteered, with v
taken away less. Of ours are the bound on its length, the way down, and the length it comes out at.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import softplus

from runners.fitting.draws import generator
from specs.faults import Refused

if TYPE_CHECKING:
    from runners.engine.differentiable import Births, Steered
    from specs.schema import Optimised

SIGNS = (1.0, -1.0)
"""Added and taken away."""


@dataclass(frozen=True)
class Track:
    """One vector to be found: what of the n training items it is to do, and how long it may be."""

    layer: int
    weights: np.ndarray
    """float64 [n]: how often each item counts."""
    signs: np.ndarray
    """float64 [n]: -1 where an item's completions are exchanged."""
    bound: float
    """The largest length."""
    start: np.ndarray
    """float64 [d_model]: where to begin; cut to the bound."""
    without: np.ndarray | None = None
    """float64 [d_model] of length 1 or 0: an axis that the vector is to have no part of."""


class Found(NamedTuple):
    """What became of a track."""

    vector: np.ndarray
    """float64 [d_model], not longer than the bound."""
    loss: float
    """Of the whole training items; unsteered, and with no vector, it is log 2."""
    agreement: float
    """-1 to 1: how much of what it moves the logit differences by is moved the right way."""

    @property
    def raw(self) -> np.ndarray:
        """The vector as it comes out: shortened to what the items agree on, and turned their way.

        An optimiser leaves a vector at its bound, whatever its labels; then a fit on shuffled
        labels would be the vector again, plus or minus, and no null. An item that is moved the
        wrong way takes from the length what one that is moved the right way gives it: on labels
        drawn at random, with n questions alike, 1/sqrt(n) is left of it, as of a mean difference.
        """
        return self.vector * self.agreement


def optimise(
    batches: Sequence[Sequence[int]],
    prompts: Callable[[int], Steered],
    tracks: Sequence[Track],
    asked: Optimised,
    device: torch.device,
    advance: Callable[[int], None] = lambda items: None,
) -> list[Found]:
    """Return what becomes of every track; tracks share passes, and know nothing of each other.

    `batches` are the indices of the training items that go through together, `prompts` gives those
    of a batch. A step goes against the gradients of the batches met so far, earlier ones counting
    less and less (`momentum`: one batch's items disagree more than all do), and is `learning_rate`
    bounds long, later ones shorter, whatever the gradients' length; a vector beyond its bound is
    brought back to it. So nothing but the bound has a scale.

    Raises:
        Refused: a loss that is not finite.
    """
    vectors = _together([track.start for track in tracks], device)
    kept_out = [np.zeros_like(t.start) if t.without is None else t.without for t in tracks]
    axes = _together(kept_out, device)
    bounds = torch.tensor([track.bound for track in tracks], device=device)
    vectors = _within(_without(axes, vectors), bounds)
    mean = torch.zeros_like(vectors)
    for step, number in enumerate(_schedule(len(batches), asked)):
        vectors = vectors.detach().requires_grad_()
        moved = _moved(prompts(number), tracks, vectors)
        losses = _losses(moved, tracks, batches[number], asked.beta)
        _refuse_nonfinite(losses, tracks)
        # A batch whose items a draw left out says nothing to it, not even of dead vectors.
        (slope,) = torch.autograd.grad(losses.sum(), vectors)
        mean = asked.momentum * mean + _without(axes, slope)
        length = mean.norm(dim=1, keepdim=True)
        stride = asked.learning_rate * (1 - step / asked.steps) * bounds[:, None]
        step_taken = torch.where(length > 0, mean / length.clamp(min=1e-38), 0)
        vectors = _within(vectors.detach() - stride * step_taken, bounds)
        advance(len(batches[number]))
    return _judged(batches, prompts, tracks, vectors.detach(), asked.beta, advance)


def _judged(
    batches: Sequence[Sequence[int]],
    prompts: Callable[[int], Steered],
    tracks: Sequence[Track],
    vectors: Tensor,
    beta: float,
    advance: Callable[[int], None],
) -> list[Found]:
    """Look at every item once with the vectors as they are."""
    loss, right, all_ = (np.zeros(len(tracks)) for _ in range(3))
    for number, batch in enumerate(batches):
        with torch.no_grad():
            moved = _moved(prompts(number), tracks, vectors)
        losses = _losses(moved, tracks, batch, beta)
        _refuse_nonfinite(losses, tracks)
        loss += losses.numpy()
        for i, (track, (added, taken)) in enumerate(zip(tracks, moved, strict=True)):
            apart = (added - taken).double().numpy()
            right[i] += (track.weights * track.signs)[list(batch)] @ apart
            all_[i] += track.weights[list(batch)] @ np.abs(apart)
        advance(len(batch))
    total = np.array([track.weights.sum() for track in tracks])
    agreement = np.divide(right, all_, out=np.zeros(len(tracks)), where=all_ > 0)
    own = vectors.double().cpu().numpy()
    return [Found(*row) for row in zip(own, (loss / total).tolist(), agreement, strict=True)]


def _moved(prompts: Steered, tracks: Sequence[Track], vectors: Tensor) -> list[tuple[Tensor, ...]]:
    """Return for each track how far [B] the logit differences are moved: added, and taken away."""
    at: dict[int, list[int]] = {}
    for i, track in enumerate(tracks):
        at.setdefault(track.layer, []).append(i)
    births: Births = {
        layer: torch.cat([sign * vectors[own] for sign in SIGNS]) for layer, own in at.items()
    }
    found: dict[int, tuple[Tensor, ...]] = {}
    for layer, moved in prompts.differences(births).items():
        by_sign = torch.unflatten(moved, 1, (len(SIGNS), -1))
        for column, i in enumerate(at[layer]):
            found[i] = by_sign[..., column].unbind(1)
    return [found[i] for i in range(len(tracks))]


def _losses(
    moved: Sequence[tuple[Tensor, ...]], tracks: Sequence[Track], batch: Sequence[int], beta: float
) -> Tensor:
    """Return the summed losses [tracks] of a batch: -log sigmoid(beta * sign * what was moved)."""
    found = []
    for track, by_sign in zip(tracks, moved, strict=True):
        weights, signs = (
            torch.from_numpy(column[list(batch)]).float() for column in (track.weights, track.signs)
        )
        each = [softplus(-beta * m * signs * d) for m, d in zip(SIGNS, by_sign, strict=True)]
        found.append((weights * torch.stack(each).mean(0)).sum())
    return torch.stack(found)


def _schedule(n_batches: int, asked: Optimised) -> Iterator[int]:
    """Yield the batch of each step: all of them, in an order drawn anew, until steps are done."""
    for step in range(asked.steps):
        epoch, place = divmod(step, n_batches)
        if place == 0:
            order = generator("optimised", seed=asked.seed, epoch=epoch).permutation(n_batches)
        yield int(order[place])


def _together(rows: Sequence[np.ndarray], device: torch.device) -> Tensor:
    return torch.from_numpy(np.stack(rows)).float().to(device)


def _without(axes: Tensor, rows: Tensor) -> Tensor:
    """Return rows [tracks, d_model] less their part along the axis of each."""
    return rows - (rows * axes).sum(1, keepdim=True) * axes


def _within(vectors: Tensor, bounds: Tensor) -> Tensor:
    """Return the vectors [tracks, d_model], those beyond their bounds brought back to them."""
    lengths = vectors.norm(dim=1)
    beyond = torch.where(lengths > bounds, bounds / lengths.clamp(min=1e-38), 1)
    return vectors * beyond[:, None]


def _refuse_nonfinite(losses: Tensor, tracks: Sequence[Track]) -> None:
    if losses.isfinite().all():
        return
    track = tracks[int((~losses.isfinite()).nonzero()[0])]
    raise Refused(
        f"method optimised, layer {track.layer}: the loss is not finite at length up to "
        f"{track.bound:.4g}; lower `bound`, or load the model in dtype float32"
    )
