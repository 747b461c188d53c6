"""One concept whose items have sides (letter, Yes or No), and the slopes of many runs on them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import duckdb
import numpy as np

from tests.analysis import tables


@dataclass
class Table:
    """Items of one concept, and the slopes of as many runs as there are columns."""

    name: str
    question: np.ndarray
    """Number of each item's question, [n_items]."""
    first: np.ndarray
    yes: np.ndarray
    slopes: np.ndarray
    """[n_items, runs]."""
    baseline: np.ndarray | None = None
    """Unsteered logit differences: [n_items], or [n_items, runs] for an evaluation of each run."""
    logmass: np.ndarray | None = None
    """Log mass of both answers when steered, [n_items, runs]."""
    answer_format: str = "letter"
    columns: dict[str, np.ndarray] = field(default_factory=dict)
    """Further columns of items: label_confidence, prompt_tokens, unsteered_logmass, extra (how
    many characters longer the positive option is)."""

    @property
    def n_runs(self) -> int:
        return int(self.slopes.shape[1])

    def run_id(self, run: int) -> str:
        own = self._evaluated_anew()
        where = f"{self.name}/base/{run}" if own else f"{self.name}/base"
        return f"m|{self.name}|base|mean_difference|{run}>{where}"

    def _evaluated_anew(self) -> bool:
        return self.baseline is not None and self.baseline.ndim == 2

    def write(self, connection: duckdb.DuckDBPyConnection) -> None:
        item, run = np.indices(self.slopes.shape).reshape(2, -1)
        seen = np.zeros(len(self.question), bool)
        seen[np.unique(self.question, return_index=True)[1]] = True
        more = {name: values[item] for name, values in self.columns.items()}
        if self.logmass is not None:
            more["logmass"] = self.logmass.reshape(-1)
        if self.baseline is not None:
            whole = self.baseline.reshape(len(self.question), -1)
            more["baseline"] = np.broadcast_to(whole, self.slopes.shape).reshape(-1)
        if self._evaluated_anew():
            more["evaluation"] = run.astype(str)
        tables.fill(
            connection, concept=self.name, answer_format=self.answer_format, number=run.astype(str),
            question=self.question[item], item=item, positive_option=1 - self.first[item],
            positive_answer=np.where(self.yes[item], "Yes", "No"),
            option_order=np.where(seen[item], "original", "swapped"),
            slope=self.slopes.reshape(-1), **more,
        )  # fmt: skip


@contextmanager
def warehouse(made: Iterable[Table]) -> Iterator[duckdb.DuckDBPyConnection]:
    """Yield a new warehouse that holds these tables."""
    with tables.warehouse() as connection:
        for table in made:
            table.write(connection)
        yield connection
