"""What a scorer is handed, and what it answers."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any, NamedTuple


class Rollout(NamedTuple):
    """A rollout as scorers see it."""

    rollout_id: str
    prompt: str
    text: str
    """The continuation, the prompt not included."""
    token_ids: list[int]
    unsteered_logprob: float
    """Mean over its tokens, nats."""


@dataclass(frozen=True)
class Scored:
    """What a scorer says of one rollout: a score, or why there is none."""

    score: float | None
    failure: str | None = None
    answer: str | None = None
    """A judge's own words."""
    attempts: int | None = None
    tokens_read: int | None = None
    tokens_written: int | None = None
    cost: float | None = None

    def row(self, rollout_id: str, scorer_id: str, execution_id: str) -> dict[str, Any]:
        """Return the row of `score`."""
        return {
            "rollout_id": rollout_id,
            "scorer_id": scorer_id,
            "execution_id": execution_id,
            **vars(self),
        }


def read_text(rollout: Rollout, reads: str) -> str:
    """Return what a scorer reads: the continuation, or with the opening before it."""
    return rollout.prompt + rollout.text if reads == "prompt_and_text" else rollout.text


Said = Generator[tuple[Rollout, Scored], None, None]
"""Rollouts, each with what is said of it, in any order; closing it ends the work."""
