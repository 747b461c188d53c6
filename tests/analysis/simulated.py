"""Many simulated tables in one warehouse: each table a concept with a run of its own.

Curves are straight lines through the origin, so that a table is its slopes, to float32's precision;
whatever else an analysis looks at (places, answers, splits, label confidence) is given per item.
"""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import numpy as np
import pyarrow as pa

from analysis.run import answer
from warehouse import migrate


class Vector(NamedTuple):
    role: str = "fitted"
    method: str = "mean_difference"
    number: int | None = None


FITTED = Vector()


@dataclass(frozen=True)
class Family:
    """Tables of one shape: `slopes[vector]` is float64 [tables, items] or [layers, tables, items]."""

    name: str
    slopes: dict[Vector, np.ndarray]
    question: np.ndarray
    """int [items] or [tables, items]: the question of each item, numbered from 0 in each table."""
    positive_option: np.ndarray | None = None
    answer: Sequence[str | None] | None = None
    label_confidence: np.ndarray | None = None
    """float [items] or [tables, items]."""
    leaked: np.ndarray | None = None
    """bool [items] or [tables, items]: whether the item's question stands in train too."""
    multipliers: tuple[float, ...] = (-1.0, 1.0)
    answer_logmass: float = -0.1
    answer_format: str = "letter"

    @property
    def shape(self) -> tuple[int, int]:
        return next(iter(self.slopes.values())).shape[-2:]

    def of_items(self, values: Any, default: Any) -> np.ndarray:
        """Return one value for each table and item, flat."""
        given = np.full(self.shape, default) if values is None else np.asarray(values)
        return np.broadcast_to(given, self.shape).reshape(-1)


def _ids(*parts: np.ndarray | str) -> np.ndarray:
    found: Any = ""
    for part in parts:
        found = np.char.add(
            np.char.add(found, "/"), np.asarray(str(part) if part is None else part).astype(str)
        )
    return np.asarray(found)


def _insert(
    connection: duckdb.DuckDBPyConnection, relation: str, columns: dict[str, Any], n: int
) -> None:
    whole = {
        name: values if isinstance(values, np.ndarray | pa.Array) else pa.array([values] * n)
        for name, values in columns.items()
    }
    written = pa.table(whole)  # noqa: F841, DuckDB reads it by name
    connection.execute(f"insert into {relation} by name select * from written")


def write(connection: duckdb.DuckDBPyConnection, family: Family) -> None:
    """Write every table of the family: dataset, items, vectors, runs and measurements."""
    tables, per_table = family.shape
    table = np.repeat(np.arange(tables), per_table)
    concept = _ids(family.name, np.arange(tables))
    item = _ids(family.name, table, np.tile(np.arange(per_table), tables))
    question = _ids(family.name, table, family.of_items(family.question, 0))
    _datasets(connection, family, concept)
    _items(connection, family, concept[table], item, question)
    _vectors(connection, family, concept)
    baseline = {"evaluation_id": concept[table], "item_id": item, "logit_diff": 0.0}
    _insert(
        connection, "baseline", {**baseline, "answer_logmass": family.answer_logmass}, item.size
    )
    for vector, slopes in family.slopes.items():
        run = _ids(concept, *vector[:2], vector.number)[table]
        layers = slopes.reshape(-1, item.size)
        for layer, multiplier in itertools.product(range(len(layers)), family.multipliers):
            values = (layers[layer] * multiplier).astype(np.float32)
            row = {"run_id": run, "item_id": item, "layer": layer, "multiplier": multiplier}
            mass = {"logit_diff": values, "answer_logmass": family.answer_logmass}
            _insert(connection, "measurement", {**row, **mass}, item.size)


def _datasets(connection: duckdb.DuckDBPyConnection, family: Family, concept: np.ndarray) -> None:
    n = concept.size
    _insert(connection, "dataset", {"dataset_id": concept, "kind": "choice", "answer_format": family.answer_format, "n_items": family.shape[1], "n_questions": family.shape[1]}, n)  # fmt: skip
    _insert(connection, "name", {"kind": "concept", "id": concept, "name": concept}, n)
    _insert(connection, "name", {"kind": "variant", "id": concept, "name": "base"}, n)
    _insert(connection, "variant", {"dataset_id": concept, "variant_id": concept}, n)
    _insert(connection, "evaluation", {"evaluation_id": concept, "model_id": "m", "dataset_id": concept, "variant_id": concept, "score": "decision", "parameters": "{}"}, n)  # fmt: skip


def _items(
    connection: duckdb.DuckDBPyConnection,
    family: Family,
    dataset: np.ndarray,
    item: np.ndarray,
    question: np.ndarray,
) -> None:
    n = item.size
    place = family.of_items(family.positive_option, 0)
    positive = pa.array(family.of_items(family.answer, None).tolist(), pa.string())
    _insert(connection, "item", {"item_id": item, "question_id": question, "question": "?", "options": pa.array([["x", "y"]] * n), "symbols": pa.array([["A", "B"]] * n), "positive_option": place, "option_order": "original", "positive_answer": positive}, n)  # fmt: skip
    confidence = family.of_items(family.label_confidence, np.nan)
    held = pa.array(confidence, pa.float64(), mask=np.isnan(confidence))
    rows = {"dataset_id": dataset, "item_id": item, "row": np.arange(n), "label_confidence": held}
    _insert(connection, "dataset_item", {**rows, "split": "test"}, n)
    leaked = family.of_items(family.leaked, False)
    if leaked.any():  # an item of its own stands for the leaked question in train
        twin = np.char.add(item[leaked], "/train")
        m = twin.size
        _insert(connection, "item", {"item_id": twin, "question_id": question[leaked], "question": "?", "options": pa.array([["x", "z"]] * m), "symbols": pa.array([["A", "B"]] * m), "positive_option": 0, "option_order": "original"}, m)  # fmt: skip
        _insert(connection, "dataset_item", {"dataset_id": dataset[leaked], "item_id": twin, "row": np.arange(m), "split": "train"}, m)  # fmt: skip


def _vectors(connection: duckdb.DuckDBPyConnection, family: Family, concept: np.ndarray) -> None:
    n = concept.size
    for vector in family.slopes:
        # a resample belongs to the fit of its own method, a null to the first one
        method = vector.method if vector.role == "resample" else FITTED.method
        parent = _ids(concept, "fitted", method, None)
        own = _ids(concept, *vector[:2], vector.number)
        above = pa.array([None] * n, pa.string()) if vector.role == "fitted" else parent
        number = pa.array([vector.number] * n, pa.int32())
        _insert(connection, "vector", {"vector_id": own, "model_id": "m", "method": vector.method, "parameters": "{}", "norm": "base", "role": vector.role, "resample": number, "parent_vector_id": above}, n)  # fmt: skip
        _insert(connection, "name", {"kind": "method", "id": own, "name": vector.method}, n)
        _insert(connection, "vector_fit", {"vector_id": own, "dataset_id": concept, "split": "train", "variant_id": concept, "items_sha256": "0", "n_items": 1, "n_questions": 1}, n)  # fmt: skip
        _insert(connection, "vector_layer", {"vector_id": own, "layer": 0, "length": 1.0, "raw_length": 1.0, "factor": 1.0, "residual_norm": 10.0, "degenerate": False}, n)  # fmt: skip
        _insert(connection, "run", {"run_id": own, "evaluation_id": concept, "vector_id": own, "operator": "add", "parameters": "{}", "scope": "answer", "identity_at_zero": True, "graded": True}, n)  # fmt: skip


@contextmanager
def warehouse(*families: Family) -> Iterator[Asked]:
    """Yield a new warehouse that holds these families."""
    with (
        tempfile.TemporaryDirectory() as folder,
        duckdb.connect(str(Path(folder) / "warehouse.duckdb")) as connection,
    ):
        migrate.apply(connection)
        _insert(connection, "model", {"model_id": "m", "source": "m", "dtype": "float32"}, 1)
        _insert(connection, "name", {"kind": "model", "id": "m", "name": "m"}, 1)
        for family in families:
            write(connection, family)
        yield Asked(connection)


class Asked:
    """A warehouse of families; every analysis is asked once, for all of them."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self.connection = connection
        self._answers: dict[tuple[Any, ...], dict[str, np.ndarray]] = {}

    def columns(self, name: str, family: str, *wanted: str, **given: Any) -> dict[str, np.ndarray]:
        """Return columns over a family's tables, in the order of the tables; NaN for null."""
        key = (name, tuple(sorted(given.items())))
        if key not in self._answers:
            relation = answer(self.connection, name, given)
            self._answers[key] = {
                column: values.astype(float).filled(np.nan)
                if np.ma.isMaskedArray(values) and values.dtype.kind in "iufb"
                else np.asarray(values)
                for column, values in relation.fetchnumpy().items()
            }
        found = self._answers[key]
        parts = [concept.split("/") for concept in found["concept"]]
        rows = [n for n, part in enumerate(parts) if part[1] == family]
        rows.sort(key=lambda n: int(parts[n][2]))
        return {column: found[column][rows] for column in wanted}
