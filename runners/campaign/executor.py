"""Where blocks are measured: here, or by what else takes blocks and hands back numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from runners.console import say
from runners.engine.guard import GuardedSweep
from runners.engine.measure import Cell, Measured, SweepFunction, births, measure_block

if TYPE_CHECKING:
    from runners.campaign.budgets import Budgets
    from runners.campaign.work import Block
    from runners.models.load import LoadedModel


class Result(NamedTuple):
    """The numbers of one block."""

    block: Block
    measured: Measured
    checks: list[dict[str, Any]]
    """The guard's comparisons, rows of `verification` without their execution."""


class Executor(Protocol):
    """Measures blocks; planning, staging and ingest stay with the caller."""

    def plan(self) -> str | None:
        """Return where the work will be done, as a line of the plan; None: here."""

    def workers(self) -> int:
        """Return how many blocks are measured at a time."""

    def measure(self, blocks: Sequence[Block], at: Callable[[str], None]) -> Iterator[Result]:
        """Yield each block's numbers, in any order; `at` hears what is being worked on.

        A block is done when its result is yielded: what is not asked for any more may be left.

        Raises:
            Refused: what a person can mend; results yielded before stay good.
        """

    def close(self) -> None:
        """Let go of models held elsewhere."""


@dataclass
class Local:
    """One block after the other, by the model in this process."""

    loaded: LoadedModel
    budgets: Budgets
    engine: str
    """`fast` or `reference`."""

    def plan(self) -> str | None:
        """Return None: the work is done here."""
        return None

    def workers(self) -> int:
        """Return 1."""
        return 1

    def measure(self, blocks: Sequence[Block], at: Callable[[str], None]) -> Iterator[Result]:
        """Yield each block's numbers in order; the next is begun when it is asked for."""
        sweeps: dict[int, SweepFunction] = {}
        for block in blocks:
            at(block.unit.label)
            sweep = sweeps.setdefault(id(block.unit), self._sweep(block.unit.label))
            budget = self.budgets.at(block.place, block.number)
            measured = measure_block(self.loaded, block.items, block.cells, sweep, budget)
            yield Result(block, measured, checked(sweep, block.cells, self.loaded))

    def close(self) -> None:
        """Do nothing: the model belongs to the caller."""

    def _sweep(self, label: str) -> SweepFunction:
        if self.engine == "reference":
            from runners.engine.reference_sweep import reference_sweep

            return reference_sweep
        return GuardedSweep(label, say)


def checked(
    sweep: SweepFunction, cells: Sequence[Cell], loaded: LoadedModel
) -> list[dict[str, Any]]:
    """Take a guard's comparisons on a block with `cells`, as rows without their execution."""
    from runners.engine.selfcheck import arithmetic, tolerance

    if not isinstance(sweep, GuardedSweep):
        return []
    found, dtype = [], arithmetic(loaded)
    for check, scope, items in sweep.checks:
        if check.layer is None or check.row is None:
            continue  # unsteered: no run to book it under
        born = births([c for c in cells if c.run.scope == scope]).cells
        cell = born[check.layer][check.row]
        found.append(
            {
                "run_id": cell.run.run_id,
                "item_id": items[check.item].item_id,
                "layer": check.layer,
                "multiplier": cell.multiplier,
                "logit_diff": check.fast,
                "reference": check.reference,
                "scale": check.scale,
                "outlier": not check.difference <= tolerance(dtype, check.scale),
            }
        )
    sweep.checks.clear()
    return found


def rows_of(checks: Sequence[Mapping[str, Any]], execution_id: str) -> list[dict[str, Any]]:
    """Return comparisons as rows of `verification`."""
    return [{**check, "execution_id": execution_id} for check in checks]
