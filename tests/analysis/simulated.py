"""Many simulated tables in one warehouse: each table a concept with a run of its own.

Curves are straight lines through the origin, so that a table is its slopes, to float32's precision;
whatever else an analysis looks at (places, answers, splits, label confidence) is given per item.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

import duckdb
import numpy as np
import pyarrow as pa

from analysis.run import answer
from tests.analysis import tables

AT_ONCE = 400_000
"""Rows that are written at a time, for the memory's sake."""


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

    def of_items(self) -> dict[str, np.ndarray]:
        """Return the columns of items, each [tables, items]."""
        given = {
            "question": self.question,
            "item": np.arange(self.shape[1]),
            "positive_option": self.positive_option,
            "positive_answer": None if self.answer is None else np.array(self.answer, object),
            "label_confidence": self.label_confidence,
            "in_train": self.leaked,
        }
        return {
            name: np.broadcast_to(values, self.shape)
            for name, values in given.items()
            if values is not None
        }


def write(connection: duckdb.DuckDBPyConnection, family: Family) -> None:
    """Write every table of the family, AT_ONCE rows at a time."""
    slopes = {vector: values.reshape(-1, *family.shape) for vector, values in family.slopes.items()}
    per_table = sum(len(layers) for layers in slopes.values()) * family.shape[1]
    columns, step = family.of_items(), max(1, AT_ONCE // per_table)
    for start in range(0, family.shape[0], step):
        here = slice(start, start + step)
        parts = [
            _part(family, columns, here, vector, layer, values[here])
            for vector, layers in slopes.items()
            for layer, values in enumerate(layers)
        ]
        whole = pa.concat_tables(parts)
        tables.fill(
            connection, family.multipliers, **dict(zip(whole.column_names, whole, strict=True))
        )


def _part(
    family: Family, columns: dict[str, np.ndarray], here: slice, vector: Vector, layer: int,
    values: np.ndarray,
) -> pa.Table:  # fmt: skip
    """Return the rows of one vector at one layer."""
    names = pa.array([f"{family.name}/{n}" for n in range(family.shape[0])][here])
    constant = {
        "layer": layer,
        "role": vector.role,
        "method": vector.method,
        "number": "" if vector.number is None else str(vector.number),
        "answer_format": family.answer_format,
        "logmass": family.answer_logmass,
        "unsteered_logmass": family.answer_logmass,
    }
    return pa.table(
        {
            "concept": names.take(pa.array(np.repeat(np.arange(len(names)), family.shape[1]))),
            "slope": values.reshape(-1),
            **{
                name: pa.array(whole[here].reshape(-1), from_pandas=True)
                for name, whole in columns.items()
            },
            **{name: pa.repeat(value, values.size) for name, value in constant.items()},
        }
    )


@contextmanager
def warehouse(*families: Family) -> Iterator[Asked]:
    """Yield a new warehouse that holds these families."""
    with tables.warehouse() as connection:
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
        rows = [n for n, (of, _) in enumerate(parts) if of == family]
        rows.sort(key=lambda n: int(parts[n][1]))
        return {column: found[column][rows] for column in wanted}
