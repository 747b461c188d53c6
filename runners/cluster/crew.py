"""The workers of one model: started, joined, lost, and started again elsewhere."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from runners.cluster.holder import About, ModelHolder, Order
from runners.console import say
from specs.faults import Refused

if TYPE_CHECKING:
    from runners.cluster.connection import Cluster, Size

STRIKES = 3
"""Deaths in a row while it loads after which a worker is given up."""


@dataclass
class Worker:
    """One actor, or its successors."""

    number: int
    holder: Any
    joining: Any
    """Ray's promise that the model is loaded; None once it is."""
    about: About | None = None
    strikes: int = 0

    @property
    def name(self) -> str:
        """What messages call it."""
        return f"worker {self.number}" + (f" on {self.about.node}" if self.about else "")


@dataclass
class Crew:
    """Workers for one model; where one dies, an heir is asked for, wherever there is room.

    Ray's own restarts and retries stay off: a retry waits for the same actor, and the block of a
    lost node must go to a worker that lives.
    """

    cluster: Cluster
    size: Size
    order: Order
    row: dict[str, Any]
    """The driver's row of the relation `model`."""
    workers: list[Worker] = field(default_factory=list)
    given_up: int = 0
    _warned: set[str] = field(default_factory=set)

    def grow(self, blocks: int) -> None:
        """Start workers while the cluster has places and there are more blocks than workers."""
        places = self.cluster.limit(sum(self.cluster.places(self.size)))
        while len(self.workers) < min(blocks, places - self.given_up):
            number = len(self.workers) + self.given_up + 1
            self.workers.append(Worker(number, *self._start()))

    def _start(self) -> tuple[Any, Any]:
        """Ask for an actor; return it and the promise that it has loaded the model."""
        import ray

        actor = ray.remote(ModelHolder).options(
            num_cpus=self.size.cpus, num_gpus=self.size.gpus, max_restarts=0
        )
        holder = actor.remote()
        return holder, holder.load.remote(self.order)

    def ready(self) -> list[Worker]:
        """Return the workers that have their model."""
        return [worker for worker in self.workers if worker.joining is None]

    def promises(self) -> dict[Any, Worker]:
        """Return the workers that are still loading, by promise."""
        return {worker.joining: worker for worker in self.workers if worker.joining is not None}

    def joined(self, worker: Worker) -> None:
        """Take in a worker whose promise is fulfilled, or has failed.

        Raises:
            Refused: what the worker refuses, a model that is not the driver's, or no worker left.
        """
        import ray

        try:
            worker.about = ray.get(worker.joining)
        except ray.exceptions.RayTaskError as error:
            raise cause(error) from None
        except ray.exceptions.RayError as error:
            self._struck(worker, error)
            return
        self._compare(worker, worker.about)
        worker.joining, worker.strikes = None, 0

    def lost(self, worker: Worker) -> None:
        """Put an heir into the place of a worker that died."""
        import ray

        ray.kill(worker.holder)
        worker.about = None
        worker.holder, worker.joining = self._start()

    def close(self) -> None:
        """End all workers."""
        import ray

        for worker in self.workers:
            ray.kill(worker.holder)
        self.workers.clear()

    def _struck(self, worker: Worker, error: Exception) -> None:
        """Start anew a worker that died while it loaded; give it up where that goes on."""
        worker.strikes += 1
        if worker.strikes < STRIKES:
            say(f"Warning: {worker.name} died while it loaded the model: started again")
            self.lost(worker)
            return
        self.workers.remove(worker)
        self.given_up += 1
        why = " ".join(str(error).split())
        if not self.workers:
            raise Refused(
                f"--engine ray: every worker dies while it loads the model ({why[:300]}); is there "
                "memory for it on the nodes, and steerhouse installed?"
            )
        say(f"Warning: {worker.name} died {STRIKES} times while it loaded the model: given up")

    def _compare(self, worker: Worker, about: About) -> None:
        """Refuse another model than the driver's; say which libraries differ."""
        if about.row["model_id"] != self.row["model_id"]:
            different = [
                f"{key} is {about.row[key]!r}, the driver's {value!r}"
                for key, value in self.row.items()
                if about.row[key] != value and key != "model_id"
            ]
            raise Refused(
                f"{worker.name}: its model is not the driver's: {'; '.join(different)}; give every "
                "node the same files and the same spec"
            )
        line = self._version_gap(about)
        if line and line not in self._warned:
            self._warned.add(line)
            say(f"Warning: {worker.name}: {line}; numbers may differ by rounding")

    def _version_gap(self, about: About) -> str:
        from importlib.metadata import version

        return ", ".join(
            f"{name} {theirs} there, {version(name)} here"
            for name, theirs in about.versions.items()
            if theirs != version(name)
        )


def cause(error: Any) -> BaseException:
    """Return what a worker raised: a Refused as it was, anything else with its remote traceback."""
    return error.cause if isinstance(error.cause, Refused) else error
