"""Blocks as tasks: a queue over the workers of a cluster; a dead worker loses its block only."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from runners.campaign.budgets import Budgets
from runners.campaign.executor import Result
from runners.cluster.crew import Crew, Worker, cause
from runners.cluster.holder import Done, Order, Task
from runners.console import say
from specs.faults import Refused

if TYPE_CHECKING:
    from runners.campaign.asked import Run
    from runners.campaign.work import Block
    from runners.cluster.connection import Cluster
    from runners.engine.budget import Budget
    from runners.models.load import LoadedModel
    from specs.schema import Model
    from specs.settings import Settings

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
class OnCluster:
    """The workers of one model on a Ray cluster, as an executor."""

    cluster: Cluster
    loaded: LoadedModel
    settings: Settings
    asked_tokens: int | None
    crew: Crew | None = None
    budgets: Budgets | None = None

    def workers(self) -> int:
        """Return how many workers the cluster has room for now.

        Raises:
            Refused: it has none.
        """
        return self.cluster.limit(sum(self.cluster.fitting()[1]))

    def plan(self) -> str:
        """Return how many workers of what size on how many nodes."""
        size, places = self.cluster.fitting()
        return (
            f"on a Ray cluster: {self.workers()} worker(s) of {size} each, "
            f"{len(places)} node(s) with room for them"
        )

    def measure(self, blocks: Sequence[Block], at: Callable[[str], None]) -> Iterator[Result]:
        """Yield each block's numbers as they come.

        Raises:
            Refused: what a worker refuses, or a block on which three workers died.
        """
        from runners.cluster.away import away

        if not blocks:
            return
        with away(self.loaded) as shared:
            self.crew = self.crew or self._crew()
            yield from Round(self, self.crew, at, deque(blocks)).results()
            if shared:
                self.close()

    def close(self) -> None:
        """End the workers."""
        if self.crew is not None:
            self.crew.close()
            self.crew = None

    def budget(self, block: Block, worker: Worker) -> Budget:
        """Return the budget of a block; the first worker's memory decides where nothing else does.

        It is kept like a local run's, so that a resumed run repeats the same shapes.
        """
        if self.budgets is None:
            assert worker.about is not None
            home, tokens = self.settings.home, worker.about.tokens
            self.budgets = Budgets.kept(home, self.loaded, self.asked_tokens, tokens)
        return self.budgets.at(block.place, block.number)

    def _crew(self) -> Crew:
        size, places = self.cluster.fitting()
        share = 1 if size.gpus else max(places)
        spec = as_loaded(self.loaded)
        folder = str(Path.cwd())
        order = Order(spec, _absolute(self.settings), folder, size.cpus, size.gpus, share)
        return Crew(self.cluster, size, order, self.loaded.row)


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
            task = _task(block, budget.tokens)
            if block.place not in self.runs:
                self.runs[block.place] = _stored(block, blocks)
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


def _task(block: Block, tokens: int) -> Task:
    cells = [(cell.run.run_id, cell.layer, cell.multiplier) for cell in block.cells]
    return Task(block.unit.evaluation_id, block.unit.label, block.items, cells, tokens)


def _stored(block: Block, blocks: Sequence[Block]) -> Any:
    """Put the runs of a place into Ray's store, with the directions that its blocks ask for."""
    import ray

    layers: dict[str, set[int]] = {}
    runs: dict[str, Run] = {}
    for cell in (cell for other in blocks if other.place == block.place for cell in other.cells):
        runs[cell.run.run_id] = cell.run
        layers.setdefault(cell.run.run_id, set()).add(cell.layer)
    return ray.put({run_id: _light(run, layers[run_id]) for run_id, run in runs.items()})


def _light(run: Run, layers: set[int]) -> Run:
    """Return a run whose vector has these layers only, each with memory of its own."""
    directions = {layer: run.vector.directions[layer].clone() for layer in sorted(layers)}
    return replace(run, vector=replace(run.vector, directions=directions, geometry={}))


def as_loaded(loaded: LoadedModel) -> Model:
    """Return the spec by which a worker gets the very model that the driver has.

    Its dtype, which `auto` could choose otherwise on another device, the commit of a Hub model and
    the whole path of a folder are filled in.
    """
    spec = loaded.spec
    changed: dict[str, Any] = {"dtype": str(loaded.dtype).removeprefix("torch.")}
    if spec.hub is not None and len(loaded.revision) == 40:
        changed["revision"] = loaded.revision
    if spec.folder is not None:
        changed["folder"] = str((spec.directory / Path(spec.folder).expanduser()).absolute())
    return spec.model_copy(update=changed)


def _absolute(settings: Settings) -> Settings:
    sources = tuple(source.absolute() for source in settings.sources)
    return replace(settings, home=settings.home.absolute(), sources=sources)
