"""What is asked of a batch of rollouts, and what comes back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor

from runners.rollouts.sampling import Sampling
from specs.faults import Refused

if TYPE_CHECKING:
    from runners.engine.edits import Edit
    from runners.models.load import LoadedModel
    from runners.saes.loaded import LoadedSae


class Place(NamedTuple):
    """What is done after which block."""

    layer: int
    edit: Edit


class Ask(NamedTuple):
    """One rollout."""

    prompt: tuple[int, ...]
    """At least one token."""
    numbers: Tensor
    """float64, one in [0, 1) for each token that may be drawn."""
    place: int | None
    """Index of what is done to it; None: it is unsteered."""


@dataclass(frozen=True)
class Manner:
    """What all rollouts of a unit share."""

    sampling: Sampling
    tokens: int
    """Sampled at most."""
    ends: frozenset[int] = frozenset()
    """Tokens after which a rollout ends."""
    scope: str = "all"
    """`all` or `answer`: from the last token of the opening on."""
    saes: tuple[LoadedSae, ...] = ()
    stream: str = "unsteered"
    """Whose residual stream features are read from."""


@dataclass
class Sampled:
    """What N rollouts said."""

    tokens: list[list[int]]
    """The sampled tokens, an end token included."""
    logprobs: list[list[float]]
    """Of each of them under the model that sampled it, at temperature 1 and over all tokens."""
    unsteered: list[list[float]]
    """The same under the unsteered model, which reads the same tokens."""
    margin: Tensor
    """float64 [N]: smallest of the rollout's draws."""
    features: list[Tensor]
    """For each SAE float32 [N, d_sae]: mean over the sampled tokens."""

    @classmethod
    def empty(cls, count: int, saes: Sequence[LoadedSae], device: torch.device) -> Sampled:
        """Return room for so many rollouts."""
        return cls(
            [[] for _ in range(count)],
            [[] for _ in range(count)],
            [[] for _ in range(count)],
            torch.ones(count, dtype=torch.float64),
            [torch.zeros(count, sae.d_sae, device=device) for sae in saes],
        )

    def refuse_nonfinite(self, asks: Sequence[Ask], places: Sequence[Place]) -> None:
        """Refuse log-probabilities that are not finite.

        Raises:
            Refused: there is one; what was done there is named.
        """
        for ask, own, other in zip(asks, self.logprobs, self.unsteered, strict=True):
            if bool(torch.tensor([*own, *other]).isfinite().all()):
                continue
            if ask.place is None:
                raise Refused(
                    "an unsteered rollout has log-probabilities that are not finite; check the "
                    "weights of the model, or load it in a wider dtype"
                )
            layer, edit = places[ask.place]
            raise Refused(
                f"rollouts: operator {edit.operator} with multiplier {edit.multiplier:g} at layer "
                f"{layer} gives log-probabilities that are not finite; use smaller multipliers, or "
                "a wider dtype"
            )


Sampler = Callable[["LoadedModel", "Sequence[Ask]", "Sequence[Place]", Manner], Sampled]
"""Called with a model, N rollouts, what is done to those that are steered, and how."""
