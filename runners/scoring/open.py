"""From a scorer that is asked for to one at work."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp
from typing import TYPE_CHECKING, Protocol

from runners.scoring.repeats import distinct, fresh_share, units
from runners.scoring.rollouts import Rollout, Said, Scored, read_text
from runners.scoring.words import pattern, presence, share
from specs.schema import Classifier, DistinctN, Judge, LogProbability, Repetition, Words

if TYPE_CHECKING:
    from collections.abc import Callable

    from runners.scoring.asked import AskedScorer
    from specs.settings import Settings

LOCAL_BLOCK, CLASSIFIER_BLOCK, JUDGE_BLOCK = 16384, 1024, 64
"""Rollouts of a block: what is staged at once."""


class Scorer(Protocol):
    """A scorer at work."""

    stopped: str | None
    """Why it scores no more; None while it does."""
    n_cut: int
    """Texts of which only the beginning was read."""

    def scores(self, rollouts: Sequence[Rollout]) -> Said:
        """Yield each rollout with what is said of it, in any order."""
        ...


@dataclass
class LocalScorer:
    """A scorer that is a function of the rollout alone."""

    of: Callable[[Rollout], float]
    stopped: str | None = None
    n_cut: int = 0

    def scores(self, rollouts: Sequence[Rollout]) -> Said:
        """Yield each rollout with its score."""
        yield from ((rollout, Scored(self.of(rollout))) for rollout in rollouts)


def block_size(asked: AskedScorer) -> int:
    """Return how many rollouts a scorer's block has: a few minutes of work at most."""
    if isinstance(asked.spec, Judge):
        return max(JUDGE_BLOCK, 4 * asked.spec.concurrency)
    return CLASSIFIER_BLOCK if isinstance(asked.spec, Classifier) else LOCAL_BLOCK


def open_scorer(asked: AskedScorer, settings: Settings) -> Scorer:
    """Return a scorer at work.

    Raises:
        Refused: a judge's key or client is missing; a classifier cannot be loaded.
    """
    spec = asked.spec
    match spec:
        case Words():
            sought = pattern(asked.parameters["words"], spec.case)
            count = presence if spec.count == "presence" else share
            return LocalScorer(lambda one: count(read_text(one, spec.reads), sought))
        case LogProbability():
            return LocalScorer(lambda one: exp(min(0.0, one.unsteered_logprob)))
        case Repetition():
            return LocalScorer(lambda one: fresh_share(units(one, spec.unit), spec.window))
        case DistinctN():
            return LocalScorer(lambda one: distinct(units(one, spec.unit), spec.n))
        case Classifier():
            from runners.scoring.classifier import open_classifier

            return open_classifier(spec, settings)
        case Judge():
            from runners.scoring.judge import JudgeScorer

            return JudgeScorer.open(spec, asked.about)
