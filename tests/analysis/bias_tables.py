"""Many simulated tables of slopes in one warehouse, so that one query judges all of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

from tests.analysis.synthetic import identity
from warehouse.relations import arrow_schema, arrow_table

MULTIPLIERS = (-1.0, 1.0)


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
    def item_ids(self) -> list[str]:
        return [identity("item", self.name, n) for n in range(len(self.question))]

    def evaluation_ids(self) -> list[str]:
        """Return the evaluation of each run."""
        own = self.baseline is not None and self.baseline.ndim == 2
        return [identity("evaluation", self.name, r if own else 0) for r in range(self.n_runs)]

    @property
    def n_runs(self) -> int:
        return int(self.slopes.shape[1])

    def run_ids(self) -> list[str]:
        return [identity("run", self.name, r) for r in range(self.n_runs)]


def fill(connection: duckdb.DuckDBPyConnection, tables: list[Table]) -> None:
    made: dict[str, list[dict[str, Any]]] = {}

    def add(relation: str, **row: Any) -> None:
        made.setdefault(relation, []).append(row)

    add("model", model_id="m", source="m", dtype="float32", n_layers=1, d_model=8)
    add("name", kind="model", id="m", name="model")
    for table in tables:
        _dimensions(table, add)
    for relation, rows in made.items():
        _insert(connection, relation, arrow_table(relation, rows))
    for table in tables:
        _facts(connection, table)


def _insert(connection: duckdb.DuckDBPyConnection, relation: str, written: pa.Table) -> None:
    connection.execute(f"insert into {relation} by name from written")


def _dimensions(table: Table, add: Any) -> None:
    dataset_id = identity("dataset", table.name)
    n_items = len(table.question)
    add("dataset", dataset_id=dataset_id, kind="choice", answer_format=table.answer_format, n_items=n_items, n_questions=len(set(table.question)))  # fmt: skip
    add("name", kind="concept", id=dataset_id, name=table.name)
    seen: set[int] = set()
    confidence = table.columns.get("label_confidence", np.full(n_items, np.nan))
    extra = table.columns.get("extra", np.zeros(n_items, int))
    for row, item_id in enumerate(table.item_ids):
        question = int(table.question[row])
        options = ["It does" + "!" * int(extra[row]), "It does not"]
        add(
            "item", item_id=item_id, question_id=identity("question", table.name, question),
            question=f"Question {question}?", options=options if table.first[row] else options[::-1],
            symbols=["A", "B"], positive_option=int(not table.first[row]),
            option_order="swapped" if question in seen else "original",
            positive_answer="Yes" if table.yes[row] else "No",
        )  # fmt: skip
        seen.add(question)
        add("dataset_item", dataset_id=dataset_id, row=row, item_id=item_id, split="test", label_confidence=None if np.isnan(confidence[row]) else float(confidence[row]))  # fmt: skip
    for evaluation_id in dict.fromkeys(table.evaluation_ids()):
        add("variant", variant_id=evaluation_id, dataset_id=dataset_id)
        add("name", kind="variant", id=evaluation_id, name="base")
        add("evaluation", evaluation_id=evaluation_id, model_id="m", dataset_id=dataset_id, variant_id=evaluation_id, score="decision", parameters="{}")  # fmt: skip
    for run_id, evaluation_id in zip(table.run_ids(), table.evaluation_ids(), strict=True):
        add("vector", vector_id=run_id, model_id="m", method="mean_difference", parameters="{}", norm="base", role="fitted")  # fmt: skip
        add("run", run_id=run_id, evaluation_id=evaluation_id, vector_id=run_id, operator="add", parameters="{}", scope="answer", identity_at_zero=True, graded=True)  # fmt: skip


def _facts(connection: duckdb.DuckDBPyConnection, table: Table) -> None:
    n_items, n_runs = table.slopes.shape
    baseline = np.zeros(n_items) if table.baseline is None else table.baseline
    baseline = np.broadcast_to(baseline.reshape(n_items, -1), (n_items, n_runs))
    mass = np.full((n_items, n_runs), -0.1) if table.logmass is None else table.logmass
    item, run = np.indices((n_items, n_runs)).reshape(2, -1)
    items, runs = pa.array(table.item_ids).take(pa.array(item)), pa.array(table.run_ids())
    for multiplier in MULTIPLIERS:
        written = {
            "run_id": runs.take(pa.array(run)),
            "item_id": items,
            "layer": np.zeros(run.size, np.int16),
            "multiplier": np.full(run.size, multiplier),
            "logit_diff": (baseline + multiplier * table.slopes).reshape(-1).astype(np.float32),
            "answer_logmass": mass.reshape(-1).astype(np.float32),
        }
        _insert(connection, "measurement", pa.table(written))
    each = list(dict.fromkeys(table.evaluation_ids()))
    tokens = table.columns.get("prompt_tokens", np.full(n_items, 50))
    unsteered = table.columns.get("unsteered_logmass", np.full(n_items, -0.1))
    columns = {
        "evaluation_id": np.repeat(each, n_items),
        "item_id": table.item_ids * len(each),
        "logit_diff": baseline.T[: len(each)].reshape(-1).astype(np.float32),
        "answer_logmass": np.tile(unsteered, len(each)).astype(np.float32),
        "prompt_tokens": np.tile(tokens, len(each)).astype(np.int32),
    }
    schema = arrow_schema("baseline")
    _insert(connection, "baseline", pa.table(columns, schema=pa.schema([schema.field(name) for name in columns])))  # fmt: skip
