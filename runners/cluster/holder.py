"""What runs on a worker: a model that stays loaded, and the blocks that it measures."""

from __future__ import annotations

import os
import socket
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from runners.campaign.executor import checked
from runners.engine.budget import Budget
from runners.engine.guard import GuardedSweep
from runners.engine.measure import Cell, Measured, measure_block

if TYPE_CHECKING:
    from runners.campaign.asked import Run
    from runners.models.load import LoadedModel
    from runners.prompts.positions import TokenisedItem
    from specs.schema import Model
    from specs.settings import Settings


class Order(NamedTuple):
    """Which model a worker loads, and how."""

    spec: Model
    settings: Settings
    folder: str
    """The driver's working folder, in which messages name files."""
    cpus: int
    gpus: int
    share: int
    """Workers that share a node's memory."""


class About(NamedTuple):
    """What a worker says of itself and of its model."""

    node: str
    pid: int
    row: dict[str, Any]
    """Row of the relation `model`."""
    device: str
    tokens: int
    """Tokens of a batch that its memory suggests."""
    versions: dict[str, str]


class Task(NamedTuple):
    """One block, by value; its vectors come beside it."""

    unit: str
    """Identity of the unit: its guard remembers what it checked."""
    label: str
    items: Sequence[TokenisedItem]
    cells: Sequence[tuple[str, int, float]]
    """(run_id, layer, multiplier)."""
    tokens: int


class Done(NamedTuple):
    """What comes back of a block."""

    measured: Measured
    checks: list[dict[str, Any]]
    tokens: int
    """Tokens of a batch in the end: fewer, where memory ran out."""
    said: list[str]


@dataclass
class ModelHolder:
    """An actor: one model, one block at a time."""

    loaded: LoadedModel | None = None
    sweeps: dict[str, GuardedSweep] = field(default_factory=dict)
    said: list[str] = field(default_factory=list)

    def load(self, order: Order) -> About:
        """Load the model from this node's files.

        Raises:
            Refused: what `runners.models.load.load` refuses.
        """
        if order.gpus == 0:
            os.environ["CUDA_VISIBLE_DEVICES"] = ""
        if os.path.isdir(order.folder):
            os.chdir(order.folder)
        import torch

        from runners.engine.batches import default_tokens_per_batch
        from runners.models.load import load

        torch.set_num_threads(order.cpus)
        self.loaded = load(order.spec, _with_home(order.settings))
        return About(
            socket.gethostname(),
            os.getpid(),
            self.loaded.row,
            str(self.loaded.device),
            default_tokens_per_batch(self.loaded, order.share),
            {name: version(name) for name in ("steerhouse", "torch", "transformers")},
        )

    def measure(self, task: Task, runs: Mapping[str, Run]) -> Done:
        """Measure one block; `runs` maps the run_ids of its unit to runs with their vectors.

        Raises:
            Refused: what `measure_block` refuses.
        """
        assert self.loaded is not None
        sweep = self.sweeps.setdefault(task.unit, GuardedSweep(task.label, self._say))
        cells = [Cell(runs[run_id], layer, multiplier) for run_id, layer, multiplier in task.cells]
        budget = Budget(task.tokens, self._say)
        measured = measure_block(self.loaded, task.items, cells, sweep, budget)
        said, self.said = self.said, []
        return Done(measured, checked(sweep, cells, self.loaded), budget.tokens, said)

    def _say(self, line: str) -> None:
        self.said.append(line)


def _with_home(settings: Settings) -> Settings:
    """Return settings with a home on this node: only hashes of files are remembered there."""
    if settings.home.is_dir():
        return settings
    return replace(settings, home=Path(tempfile.gettempdir()) / f"steerhouse-{os.getuid()}")
