"""Scorer `judge`: rollouts rated by a language model, several requests at a time."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from runners.scoring.endpoint import Endpoint, Reply, Stopped
from runners.scoring.pace import Pace
from runners.scoring.ratings import NoRating, rating, score
from runners.scoring.rollouts import Rollout, Said, Scored
from specs import judge_checks
from specs.faults import Refused
from specs.reader import place

if TYPE_CHECKING:
    from specs.schema import Judge, Prices

GIVE_UP = 8
"""So many requests in a row without any answer, repetitions included, and no more are made."""
POLL = 0.2
"""Seconds between looks at the keyboard while answers are waited for."""


@dataclass
class Rubric:
    """The templates of a judge, with what they say of the concept."""

    spec: Judge
    about: Mapping[str, str]
    """What `concept` stands for."""

    def messages(self, rollout: Rollout) -> list[dict[str, str]]:
        """Return the messages that ask for the rating of a rollout.

        Raises:
            Refused: a template cannot be rendered.
        """
        from builders.templates import environment

        names = {"prompt": rollout.prompt, "text": rollout.text, "concept": dict(self.about)}
        found = []
        for role, key in (("system", "system"), ("user", "rubric")):
            template = self.spec.system if key == "system" else self.spec.rubric
            if template is None:
                continue
            try:
                text = str(environment().from_string(template).render(names))
            except Exception as error:  # a template can raise anything that its expressions can
                raise Refused(f"{place(self.spec)}: {key}: {error}") from None
            found.append({"role": role, "content": text})
        return found


@dataclass
class JudgeScorer:
    """A judge at work; `stopped` says why it asks no more, once it does not."""

    endpoint: Endpoint
    rubric: Rubric
    stopped: str | None = None
    n_cut: int = 0
    _in_a_row: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @classmethod
    def open(cls, spec: Judge, about: Mapping[str, str]) -> JudgeScorer:
        """Return a judge of rollouts for a concept.

        Raises:
            Refused: the key or openai's client is missing.
        """
        return cls(Endpoint.open(spec, Pace(spec.requests_per_minute)), Rubric(spec, about))

    def scores(self, rollouts: Sequence[Rollout]) -> Said:
        """Yield what it says of each rollout, in the order of its answers.

        Those that it was not asked about, having stopped, are left out. Closing the generator ends
        the requests that wait; those under way are awaited.
        """
        pool = ThreadPoolExecutor(self.rubric.spec.concurrency, thread_name_prefix="judge")
        waiting: dict[Future[Scored | None], Rollout] = {
            pool.submit(self._one, rollout): rollout for rollout in rollouts
        }
        try:
            while waiting:
                done, _ = wait(waiting, timeout=POLL, return_when=FIRST_COMPLETED)
                for future in done:
                    rollout, found = waiting.pop(future), future.result()
                    if found is not None:
                        yield rollout, found
        finally:
            if waiting:  # interrupted: begin no more
                self.endpoint.pace.stopped.set()
            pool.shutdown(cancel_futures=True)

    def _one(self, rollout: Rollout) -> Scored | None:
        """Return what the judge says of one rollout; None where it is asked no more."""
        try:
            reply = self.endpoint.ask(self.rubric.messages(rollout))
        except Stopped as stop:
            self._stop(str(stop))
            return None
        if reply is None:
            return None
        self._notice(reply)
        return scored(reply, self.rubric.spec)

    def _notice(self, reply: Reply) -> None:
        """Stop where the endpoint answers nobody."""
        with self._lock:
            self._in_a_row = self._in_a_row + 1 if reply.lost else 0
            many = self._in_a_row >= GIVE_UP
        if many:
            self._stop(f"{GIVE_UP} requests in a row failed, the last one: {reply.failure}")

    def _stop(self, why: str) -> None:
        with self._lock:
            self.stopped = self.stopped or why
        self.endpoint.pace.stopped.set()


def scored(reply: Reply, spec: Judge) -> Scored:
    """Return a reply as a score, or as a failure that says why there is none."""
    value, failure = None, reply.failure
    if failure is None and reply.answer is not None:
        try:
            value = score(rating(reply.answer, spec.scale, spec.answer_key), spec.scale)
        except NoRating as none:
            failure = str(none)
    return Scored(
        value,
        failure,
        reply.answer,
        reply.attempts,
        reply.tokens_read,
        reply.tokens_written,
        cost(spec.prices, reply.tokens_read, reply.tokens_written),
    )


def cost(prices: Prices | None, read: int | None, written: int | None) -> float | None:
    """Return what so many tokens cost; None without prices or counts."""
    if prices is None or read is None:
        return None
    return (read * prices.read + (written or 0) * prices.written) / 1e6


def parameters(spec: Judge, about: Mapping[str, str]) -> dict[str, Any]:
    """Return what a judge's ratings follow from: neither where it is nor how fast it is asked."""
    return {
        "model": spec.model,
        "system": spec.system,
        "rubric": spec.rubric,
        "scale": spec.scale.model_dump(),
        "answer_key": spec.answer_key,
        "max_tokens": spec.max_tokens,
        "temperature": spec.temperature,
        "options": dict(spec.options),
        "concept": dict(about) or None,
    }


def concept_keys(spec: Judge) -> set[str]:
    """Return what the templates read of the concept: `name`, `criterion`, or both."""
    texts = filter(None, (spec.system, spec.rubric))
    return {key for text in texts for key in judge_checks.concept_keys(text)}
