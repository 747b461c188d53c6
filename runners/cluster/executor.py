"""The workers of one model on a cluster, as what measures blocks."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from runners.campaign.budgets import Budgets
from runners.campaign.executor import Result
from runners.cluster import parcels
from runners.cluster.crew import Crew, Worker
from runners.cluster.holder import Order
from runners.cluster.round import Round

if TYPE_CHECKING:
    from runners.campaign.work import Block
    from runners.cluster.connection import Cluster
    from runners.engine.budget import Budget
    from runners.models.load import LoadedModel
    from specs.settings import Settings


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
        spec = parcels.as_loaded(self.loaded)
        folder = str(Path.cwd())
        order = Order(spec, parcels.absolute(self.settings), folder, size.cpus, size.gpus, share)
        return Crew(self.cluster, size, order, self.loaded.row)
