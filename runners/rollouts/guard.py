"""Rollouts under guard: what some of them said is read again by whole passes without a cache."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from runners.models.architecture import way
from runners.rollouts.generate import generate
from specs.faults import Refused

if TYPE_CHECKING:
    from runners.models.load import LoadedModel
    from runners.rollouts.sampled import Ask, Manner, Place, Sampled

FEW = 3
"""Rollouts of a batch that are read again."""


@dataclass
class GuardedRollouts:
    """A sampler for one prompt set: the fast one, as long as it is exact on its model.

    Each batch of a kind that was not met before (longer openings, other layers or operators) has up
    to three of its rollouts read again by the reference path: the tokens that were said must have
    the log-probabilities there that they were drawn with, steered and unsteered. Tokens themselves
    are not compared: a draw within rounding of an edge may go either way on any two paths.
    """

    label: str
    say: Callable[[str], None]
    trusted: bool = True
    longest: dict[frozenset[tuple[int, str]], int] = field(default_factory=dict)
    """Layers and operators -> longest opening checked."""

    def __call__(
        self,
        loaded: LoadedModel,
        asks: Sequence[Ask],
        places: Sequence[Place],
        manner: Manner,
    ) -> Sampled:
        """Sample one batch, checked where it is of a new kind.

        Raises:
            Refused: a model that cannot be steered, or numbers that are not finite.
        """
        from runners.rollouts.reference import reference_rollouts

        opening = max(len(ask.prompt) for ask in asks)
        known = way(loaded.model, opening + manner.tokens)
        if known.kind == "refuse":
            raise Refused(f"{self.label}: {known.reason}")
        if known.kind == "replay" and self.trusted:
            self._distrust(known.reason)
        if not self.trusted:
            return reference_rollouts(loaded, asks, places, manner)
        found = generate(loaded, asks, places, manner)
        used = [places[ask.place] for ask in asks if ask.place is not None]
        kind = frozenset((place.layer, place.edit.operator) for place in used)
        if opening <= self.longest.get(kind, 0):
            return found
        if fault := _fault(loaded, asks, places, manner, found):
            self._distrust(fault)
            return reference_rollouts(loaded, asks, places, manner)
        self.longest[kind] = opening
        return found

    def _distrust(self, reason: str) -> None:
        self.trusted = False
        self.say(f"{self.label}: {reason}; the reference path serves these rollouts, slowly")


def _fault(
    loaded: LoadedModel,
    asks: Sequence[Ask],
    places: Sequence[Place],
    manner: Manner,
    found: Sampled,
) -> str | None:
    """Return how some log-probabilities differ from the reference path; None: they do not."""
    from runners.engine.selfcheck import arithmetic, tolerance
    from runners.models.experts import routes
    from runners.rollouts.reference import reread

    wrong = []
    for i in _telling(asks, places):
        slow = reread(loaded, asks[i], found.tokens[i], places, manner)
        pairs = [
            *zip(found.logprobs[i], slow.logprobs, strict=True),
            *zip(found.unsteered[i], slow.unsteered, strict=True),
        ]
        gap = max(abs(one - other) for one, other in pairs)
        allowed = tolerance(arithmetic(loaded), slow.largest)
        if not gap <= allowed:
            wrong.append((gap, allowed))
    # One of them: a router nearly tied between experts is tipped by any rounding.
    if len(wrong) <= int(routes(loaded.model)):
        return None
    gap, allowed = wrong[0]
    return (
        f"the fast path differs from the reference path by {gap:.2g} nats (tolerance {allowed:.2g})"
    )


def _telling(asks: Sequence[Ask], places: Sequence[Place]) -> list[int]:
    """Return the longest and the shortest opening's last rollout, and one of each operator."""
    order = sorted(range(len(asks)), key=lambda i: (len(asks[i].prompt), i))
    of_operator = {
        places[ask.place].edit.operator: i for i, ask in enumerate(asks) if ask.place is not None
    }
    return list(dict.fromkeys([order[-1], order[0], *of_operator.values()]))[:FEW]
