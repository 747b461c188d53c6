"""Blocks as tasks: a queue over the workers of a cluster; a dead worker loses its block only."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from runners.campaign.executor import Result
from runners.cluster import parcels
from runners.cluster.crew import Crew, Worker, cause
from runners.cluster.holder import Done
from runners.console import say
from specs.faults import Refused

if TYPE_CHECKING:
    from runners.campaign.work import Block
    from runners.cluster.executor import OnCluster
    from runners.engine.budget import Budget

DEATHS = 3
"""Workers that may die on one block."""
LOOK = 5.0
"""Seconds after which the cluster is looked at again: nodes may have come."""
SILENCE = 60.0
"""Seconds without any worker after which that is said."""


class Running(NamedTuple):
    """A block on its way."""

    worker: Worker
    block: Block
    budget: Budget


@dataclass
class Round:
    """One call of `measure`: what waits, what is on its way, and what died."""

    owner: OnCluster
    crew: Crew
    at: Callable[[str], None]
    queue: deque[Block]
    running: dict[Any, Running] = field(default_factory=dict)
    deaths: Counter[int] = field(default_factory=Counter)
    runs: dict[str, Any] = field(default_factory=dict)
    """place -> the runs of its unit with their vectors, in Ray's store."""
    said: set[str] = field(default_factory=set)
    since: float = field(default_factory=time.monotonic)

    def results(self) -> Iterator[Result]:
        """Yield results until nothing is left; workers get their next block before that."""
        blocks = list(self.queue)
        while self.queue or self.running:
            self.crew.grow(len(self.queue) + len(self.running))
            self._assign(blocks)
            finished = self._wait()
            self._assign(blocks)
            yield from finished

    def _assign(self, blocks: Sequence[Block]) -> None:
        """Give each idle worker a block."""
        busy = {on.worker.number for on in self.running.values()}
        idle = [worker for worker in self.crew.ready() if worker.number not in busy]
        for worker in idle[: len(self.queue)]:
            block = self.queue.popleft()
            self.at(f"{block.unit.label} · {len(self.running) + 1} worker(s)")
            budget = self.owner.budget(block, worker)
            task = parcels.task(block, budget.tokens)
            if block.place not in self.runs:
                self.runs[block.place] = parcels.stored(block, blocks)
            promise = worker.holder.measure.remote(task, self.runs[block.place])
            self.running[promise] = Running(worker, block, budget)

    def _wait(self) -> list[Result]:
        """Wait for a block or a worker; return the blocks that are done."""
        import ray

        loading = self.crew.promises()
        promises = [*self.running, *loading]
        ready, _ = ray.wait(promises, num_returns=1, timeout=LOOK)
        if not ready and not self.crew.ready():
            self._wonder()
        for promise in ready:
            if promise in loading:
                self.crew.joined(loading[promise])
        return [r for p in ready if p in self.running and (r := self._finished(p))]

    def _finished(self, promise: Any) -> Result | None:
        """Return the result of a block; None where its worker died, and the block waits again."""
        import ray

        worker, block, budget = self.running.pop(promise)
        try:
            done: Done = ray.get(promise)
        except ray.exceptions.RayTaskError as error:
            raise cause(error) from None
        except ray.exceptions.RayError:
            self._died(worker, block)
            return None
        for line in done.said:
            self._say(line)
        if done.tokens < budget.tokens:
            budget.halved(done.tokens)
        return Result(block, done.measured, done.checks)

    def _died(self, worker: Worker, block: Block) -> None:
        """Put the block of a dead worker back, before all others.

        Raises:
            Refused: others died on it before.
        """
        self.deaths[id(block)] += 1
        named = f"{block.unit.label}, block {block.number} of split {block.split}"
        if self.deaths[id(block)] >= DEATHS:
            raise Refused(
                f"{named}: {DEATHS} workers died on it, the last on {worker.name}; what is "
                "finished is kept. Mostly that is memory: try --tokens-per-batch with fewer; "
                "otherwise the logs of Ray's session on that node say more"
            )
        say(f"Warning: {worker.name} died; its block is measured again: {named}")
        self.queue.appendleft(block)
        self.crew.lost(worker)

    def _say(self, line: str) -> None:
        """Say once what several workers find."""
        if line not in self.said:
            self.said.add(line)
            say(line)

    def _wonder(self) -> None:
        if time.monotonic() - self.since > SILENCE:
            self._say(
                f"no worker of {self.crew.size} is ready yet: its model loads, or others use the "
                "cluster (`ray status` shows who waits for what)"
            )
