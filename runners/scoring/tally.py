"""What scoring is about to do, and what came of it, in lines."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from specs.schema import Judge

if TYPE_CHECKING:
    from runners.scoring.asked import AskedScorer
    from runners.scoring.rollouts import Scored
    from runners.scoring.step import Todo

CHARACTERS = 4
"""Of a token, about; tells what a judge may cost before it is asked."""
WRITTEN = 3
"""Tokens of an answer that is a number, about."""


@dataclass
class Tally:
    """What came of one scorer."""

    asked: AskedScorer
    n_scored: int = 0
    n_failed: int = 0
    tokens_read: int = 0
    tokens_written: int = 0
    cost: float | None = None
    failures: dict[str, int] = field(default_factory=dict)
    """Failure -> how often."""

    def count(self, found: Iterable[Scored]) -> None:
        """Add what was said of some rollouts."""
        for one in found:
            self.n_scored += one.score is not None
            self.n_failed += one.failure is not None
            self.tokens_read += one.tokens_read or 0
            self.tokens_written += one.tokens_written or 0
            if one.cost is not None:
                self.cost = (self.cost or 0.0) + one.cost
            if one.failure is not None:
                self.failures[one.failure] = self.failures.get(one.failure, 0) + 1

    def lines(self, n_cut: int) -> list[str]:
        """Return what a user should read of it."""
        found = []
        if self.asked.is_judge and self.n_scored + self.n_failed:
            found.append(
                f"scorer {self.asked.label}: {self.n_scored:,} judged, {self.n_failed:,} failed, "
                f"{self.tokens_read:,} tokens read, {self.tokens_written:,} written, "
                + (f"cost {self.cost:.4g}" if self.cost is not None else "no prices, no cost")
            )
        if self.failures:
            worst = max(self.failures, key=lambda failure: self.failures[failure])
            found.append(
                f"Warning: scorer {self.asked.label}: {self.n_failed:,} rollout(s) have no score, "
                f"e.g. {self.failures[worst]:,} times: {worst}; the same command asks again"
            )
        if n_cut:
            found.append(
                f"scorer {self.asked.label}: of {n_cut:,} rollout(s) only the beginning was read, "
                "all that the classifier holds"
            )
        return found

    def stopped(self, why: str, n_todo: int) -> str:
        """Return why a judge asked no more, and what to do."""
        left = n_todo - self.n_scored - self.n_failed
        return (
            f"scorer {self.asked.label}: stopped, {left:,} rollout(s) were not judged: {why}; what "
            "was judged is kept, mend it and run the same command again"
        )


def plan_lines(model: str, todo: Sequence[Todo]) -> list[str]:
    """Return the plan of scoring one model's rollouts."""
    asked, there = sum(one.n_asked for one in todo), sum(one.n_there for one in todo)
    if not asked:
        return [f"{model}: {len(todo)} scorer(s) score the rollouts once they are there"]
    lines = [
        f"{model}: {len(todo)} scorer(s), {asked:,} scores asked, {there:,} already there, "
        f"{asked - there:,} to make"
    ]
    for one in todo:
        if isinstance(one.asked.spec, Judge) and one.n_left:
            lines.append(f"  {_of_judge(one, one.asked.spec)}")
    return lines


def _of_judge(todo: Todo, spec: Judge) -> str:
    """Return what a judge will be asked, and what that may cost."""
    around = len(spec.system or "") + len(spec.rubric)
    characters = around * todo.n_left + todo.n_characters
    tokens, written = characters / CHARACTERS, WRITTEN * todo.n_left
    line = (
        f"judge {todo.asked.label} asks {spec.model} {todo.n_left:,} times, about "
        f"{tokens:,.0f} tokens"
    )
    if todo.n_failed:
        line += f", {todo.n_failed:,} of them again"
    if spec.prices:
        price = (tokens * spec.prices.read + written * spec.prices.written) / 1e6
        line += f", about {price:.2g} by its prices"
    return line
