from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.empty_warehouse import place
from warehouse.connect import connect
from warehouse.ingest import Ingested, ingest
from warehouse.relations import arrow_table
from warehouse.staged import stage

GRID = (-1.5, -1.0, -0.5, 0.5, 1.0, 1.5)
Curve = Callable[[float], float]


class World:
    """Hand-made rows of a warehouse: ids are names, so that tests can be read."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.pending: dict[str, list[dict[str, Any]]] = defaultdict(list)
        self.n_staged = 0

    def add(self, relation: str, *rows: Mapping[str, Any]) -> None:
        self.pending[relation] += [dict(row) for row in rows]

    def model(self, model_id: str = "m") -> None:
        self.add("model", {"model_id": model_id, "source": "builtin:test", "dtype": "float32"})
        self.add("name", {"kind": "model", "id": model_id, "name": f"{model_id}-name"})

    def items(
        self,
        dataset: str,
        *items: Mapping[str, Any],
        answer_format: str = "letter",
    ) -> None:
        """Each item: item_id, and where wanted question, first (positive first), yes, split, ..."""
        self.add(
            "dataset",
            {
                "dataset_id": dataset,
                "kind": "choice",
                "answer_format": answer_format,
                "n_items": len(items),
                "n_questions": len({item.get("question", item["item_id"]) for item in items}),
            },
        )
        self.add("name", {"kind": "concept", "id": dataset, "name": f"{dataset}-name"})
        for row, item in enumerate(items):
            first = item.get("first", True)
            options = ["pro", "contra"] if first else ["contra", "pro"]
            self.add(
                "item",
                {
                    "item_id": item["item_id"],
                    "question_id": item.get("question", item["item_id"]),
                    "question": f"Is it {item.get('question', item['item_id'])}?",
                    "options": options,
                    "symbols": ["A", "B"],
                    "positive_option": 0 if first else 1,
                    "option_order": item.get("option_order", "original"),
                    "positive_answer": {True: "Yes", False: "No", None: None}[item.get("yes")],
                },
            )
            self.add(
                "dataset_item",
                {
                    "dataset_id": dataset,
                    "row": row,
                    "item_id": item["item_id"],
                    "split": item.get("split", "test"),
                    "label_confidence": item.get("label_confidence"),
                },
            )

    def evaluation(
        self,
        evaluation: str,
        dataset: str,
        baselines: Mapping[str, float],
        variant: str = "base",
        model: str = "m",
    ) -> None:
        variant_id = f"{dataset}/{variant}"
        self.add("variant", {"variant_id": variant_id, "dataset_id": dataset})
        self.add("name", {"kind": "variant", "id": variant_id, "name": variant})
        self.add(
            "evaluation",
            {
                "evaluation_id": evaluation,
                "model_id": model,
                "dataset_id": dataset,
                "variant_id": variant_id,
                "score": "logit_diff",
                "parameters": "{}",
            },
        )
        for item, value in baselines.items():
            row = {"evaluation_id": evaluation, "item_id": item, "logit_diff": value}
            self.add("baseline", {**row, "answer_logmass": -0.1})

    def vector(
        self,
        vector: str,
        fit: tuple[str, str] | None,
        method: str = "mean_difference",
        layers: Mapping[int, bool] | None = None,
        **columns: Any,
    ) -> None:
        """`fit` is (dataset, variant); `layers` says which layers are degenerate."""
        row = {"model_id": "m", "method": method, "parameters": "{}", "norm": "raw"}
        self.add("vector", {"vector_id": vector, "role": "fitted", **row, **columns})
        self.add("name", {"kind": "method", "id": vector, "name": method})
        if fit:
            dataset, variant = fit
            self.add(
                "vector_fit",
                {
                    "vector_id": vector,
                    "dataset_id": dataset,
                    "split": "train",
                    "variant_id": f"{dataset}/{variant}",
                    "items_sha256": "0",
                    "n_items": 4,
                    "n_questions": 2,
                },
            )
        for layer, degenerate in (layers or {}).items():
            lengths = {"length": 1.0, "raw_length": 1.0, "factor": 1.0, "degenerate": degenerate}
            self.add("vector_layer", {"vector_id": vector, "layer": layer, **lengths})

    def run(
        self,
        run: str,
        evaluation: str,
        vector: str,
        *,
        operator: str = "add",
        scope: str = "answer",
        identity_at_zero: bool = True,
        graded: bool = True,
    ) -> None:
        self.add(
            "run",
            {
                "run_id": run,
                "evaluation_id": evaluation,
                "vector_id": vector,
                "operator": operator,
                "parameters": "{}",
                "scope": scope,
                "identity_at_zero": identity_at_zero,
                "graded": graded,
            },
        )

    def measure(
        self, run: str, layer: int, curves: Mapping[str, Curve], grid: Sequence[float] = GRID
    ) -> None:
        for item, curve in curves.items():
            for multiplier in grid:
                self.add(
                    "measurement",
                    {
                        "run_id": run,
                        "item_id": item,
                        "layer": layer,
                        "multiplier": multiplier,
                        "logit_diff": curve(multiplier),
                        "answer_logmass": -0.1,
                    },
                )

    def lines(self, run: str, layer: int, slopes: Mapping[str, float], at_zero: float = 0) -> None:
        """Measure straight lines through `at_zero`, which the baseline must agree with."""
        self.measure(run, layer, {item: line(slope, at_zero) for item, slope in slopes.items()})

    def stage(self, key: str | None = None) -> Path:
        self.n_staged += 1
        tables = {name: arrow_table(name, rows) for name, rows in self.pending.items() if rows}
        self.pending.clear()
        return stage(self.home, key or f"test/{self.n_staged:03}", tables)

    def ingest(self) -> Ingested:
        place(self.home)  # quicker than `ingest`, which makes a warehouse where there is none
        if self.pending:
            self.stage()
        return ingest(self.home)

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        with connect(self.home) as connection:
            return connection.execute(sql).fetchall()

    def dicts(self, sql: str) -> list[dict[str, Any]]:
        with connect(self.home) as connection:
            result: list[dict[str, Any]] = connection.sql(sql).to_dicts()
            return result

    def one(self, sql: str) -> dict[str, Any]:
        found = self.dicts(sql)
        assert len(found) == 1, found
        return found[0]

    def contents(self) -> dict[str, list[tuple[Any, ...]]]:
        """Every row of every table but the file's own history."""
        with connect(self.home) as connection:
            return _contents(connection)


def _contents(connection: duckdb.DuckDBPyConnection) -> dict[str, list[tuple[Any, ...]]]:
    from warehouse.relations import KEYS

    return {
        name: sorted(connection.execute(f'from "{name}"').fetchall(), key=repr) for name in KEYS
    }


def line(slope: float, at_zero: float = 0) -> Curve:
    return lambda multiplier: at_zero + slope * multiplier


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path / "home")


@pytest.fixture
def simple(world: World) -> World:
    """Two items on one run at layer 3, slopes 2 and -1; not ingested yet."""
    world.model()
    world.items("d", {"item_id": "i1"}, {"item_id": "i2"})
    world.evaluation("e", "d", {"i1": 0.5, "i2": 0.5})
    world.vector("v", ("d", "base"), layers={3: False})
    world.run("r", "e", "v")
    world.lines("r", 3, {"i1": 2, "i2": -1}, at_zero=0.5)
    return world
