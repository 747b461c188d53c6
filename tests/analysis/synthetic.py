"""A warehouse made up from a seed: curves whose every number the tests can compute again by numpy.

`fill(connection, Shape())` writes whole relations and returns what it wrote. Large shapes stand in
for real warehouses: `Shape(concepts=9, variants=5, questions=250, layers=32)` has ten million
measurements.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterator

import duckdb
import numpy as np
import pyarrow as pa

from tests.analysis.truth import Item, Run, Shape, Synthetic
from warehouse.relations import arrow_schema, arrow_table


def identity(*words: object) -> str:
    return hashlib.sha256(" ".join(map(str, words)).encode()).hexdigest()[:16]


def fill(connection: duckdb.DuckDBPyConnection, shape: Shape) -> Synthetic:
    made = Synthetic(shape)
    draw = np.random.default_rng(shape.seed)
    made.add(
        "execution", execution_id="e", command="run", code_version="0", versions="{}", started_at=0
    )
    for model in range(shape.models):
        _model(made, model)
        for concept in range(shape.concepts):
            _concept(made, draw, f"model{model}", f"concept{concept}", write=model == 0)
    for relation, rows in made.relations.items():
        written = arrow_table(relation, rows)  # noqa: F841, DuckDB reads it by name
        connection.execute(f"insert into {relation} by name from written")
    _facts(connection, made)
    return made


def _model(made: Synthetic, number: int) -> None:
    name = f"model{number}"
    made.add("model", model_id=identity("model", name), source=name, dtype="float32", n_layers=made.shape.layers, d_model=8)  # fmt: skip
    made.add("name", kind="model", id=identity("model", name), name=name)


def _items(made: Synthetic, concept: str) -> list[Item]:
    """Return both orders of every question, but one order of every seventh."""
    counts = {"train": made.shape.questions // 2, "validation": made.shape.questions // 2, "test": made.shape.questions}  # fmt: skip
    found = []
    for split, count in counts.items():
        for number in range(count):
            for order in range(1 if number % 7 == 6 else 2):
                question = identity("question", concept, split, number)
                answer = "Yes" if number % 2 else "No"
                found.append(
                    Item(identity("item", question, order), question, split, order, answer, ("original", "swapped")[order])
                )  # fmt: skip
    return found


def _write_dataset(made: Synthetic, concept: str, items: list[Item]) -> None:
    dataset_id = identity("dataset", concept)
    made.add("dataset", dataset_id=dataset_id, kind="choice", answer_format="letter", n_items=len(items), n_questions=len({item.question_id for item in items}))  # fmt: skip
    made.add("name", kind="concept", id=dataset_id, name=concept)
    for variant in made.shape.variants:
        made.add("variant", variant_id=identity("variant", concept, variant), dataset_id=dataset_id)
        made.add("name", kind="variant", id=identity("variant", concept, variant), name=variant)
    for row, item in enumerate(items):
        made.add("item", item_id=item.item_id, question_id=item.question_id, question=f"Question {item.question_id}?", options=["It does", "It does not"][:: 1 - 2 * item.positive_option], symbols=["A", "B"], positive_option=item.positive_option, option_order=item.order, positive_answer=item.positive_answer)  # fmt: skip
        made.add(
            "dataset_item", dataset_id=dataset_id, row=row, item_id=item.item_id, split=item.split
        )


def _concept(
    made: Synthetic, draw: np.random.Generator, model: str, concept: str, write: bool
) -> None:
    shape = made.shape
    items = made.items.setdefault(concept, _items(made, concept))
    if write:
        _write_dataset(made, concept, items)
    vectors = list(_vectors(made, model, concept))
    questions = {item.question_id: n for n, item in enumerate(items)}
    gain = draw.normal(1.0, 0.8, len(questions) * 2)[[questions[i.question_id] for i in items]]
    letter = np.array([1 - 2 * i.positive_option for i in items]) * draw.uniform(0, 0.8)
    yes = np.array([1 if i.positive_answer == "Yes" else -1 for i in items]) * draw.uniform(0, 0.5)
    for variant in shape.variants:
        evaluation_id = identity("evaluation", model, concept, variant)
        made.add("evaluation", evaluation_id=evaluation_id, model_id=identity("model", model), dataset_id=identity("dataset", concept), variant_id=identity("variant", concept, variant), score="decision", parameters="{}")  # fmt: skip
        baseline = draw.normal(0.3, 1.0, len(items)).astype(np.float32)
        made.baseline[evaluation_id] = baseline
        own = (gain + letter + yes) * draw.uniform(0.5, 1.5)
        for vector_id, role, kind in vectors:
            effect = (
                own if role == "fitted" else draw.normal(0, 0.15) + draw.normal(0, 0.3, len(items))
            )
            _run(made, draw, vector_id, role, kind, concept, variant, evaluation_id, effect)


def _vectors(made: Synthetic, model: str, concept: str) -> Iterator[tuple[str, str, str]]:
    shape = made.shape
    fitted = identity("vector", model, concept, "mean_difference")
    kinds = [("fitted", "mean_difference", 1), ("null", "random", shape.random), ("null", "label_shuffled", shape.label_shuffled)]  # fmt: skip
    for role, kind, count in kinds:
        for number in range(count):
            vector_id = (
                fitted if role == "fitted" else identity("vector", model, concept, kind, number)
            )
            parent = None if role == "fitted" else fitted
            made.add("vector", vector_id=vector_id, model_id=identity("model", model), method=kind, parameters="{}", seed=number, norm="base", parent_vector_id=parent, role=role)  # fmt: skip
            made.add("name", kind="method", id=vector_id, name=kind)
            made.add("vector_fit", vector_id=vector_id, dataset_id=identity("dataset", concept), split="train", variant_id=identity("variant", concept, shape.variants[0]), items_sha256="0", n_items=1, n_questions=1)  # fmt: skip
            for layer in range(shape.layers):
                made.add("vector_layer", vector_id=vector_id, layer=layer, length=1.0, raw_length=1.0, factor=1.0, residual_norm=10.0, degenerate=layer == 0)  # fmt: skip
            yield vector_id, role, kind


def _run(
    made: Synthetic, draw: np.random.Generator, vector_id: str, role: str, kind: str, concept: str,
    variant: str, evaluation_id: str, effect: np.ndarray,
) -> None:  # fmt: skip
    shape = made.shape
    splits = ("validation", "test") if role == "fitted" else ("test",)
    layers = list(range(shape.layers)) if role == "fitted" else [shape.nulls_at]
    rows = [n for n, item in enumerate(made.items[concept]) if item.split in splits]
    strength = np.array([0.0, 1.0, 0.6, *np.linspace(0.5, 0.1, max(0, shape.layers - 3))])[layers]
    x = np.array(shape.multipliers)
    curves = effect[rows, None, None] * strength[None, :, None] * (x - 0.03 * x * abs(x))
    curves = curves + made.baseline[evaluation_id][rows, None, None]
    curves = (curves + draw.normal(0, shape.noise, curves.shape)).astype(np.float32)
    mass = -draw.exponential(0.4, curves.shape).astype(np.float32)
    run_id = identity("run", evaluation_id, vector_id)
    items = [made.items[concept][n] for n in rows]
    made.runs.append(Run(run_id, evaluation_id, vector_id, role, kind, concept, variant, items, layers, curves, mass))  # fmt: skip
    made.add("run", run_id=run_id, evaluation_id=evaluation_id, vector_id=vector_id, operator="add", parameters="{}", scope="answer", identity_at_zero=True, graded=True)  # fmt: skip
    for split, layer in itertools.product(splits, layers):
        count = sum(item.split == split for item in items)
        for multiplier in (0.0, *shape.multipliers):
            key = {"run_id": run_id, "split": split, "layer": layer, "multiplier": multiplier}
            made.add("experiment_run", experiment="synthetic", n_asked=count, **key)
            if multiplier:
                made.add("cell", block=0, n_items=count, execution_id="e", **key)


def _facts(connection: duckdb.DuckDBPyConnection, made: Synthetic) -> None:
    for run in made.runs:
        item, layer, multiplier = np.indices(run.logit_diff.shape).reshape(3, -1)
        ids = pa.array([i.item_id for i in run.items])
        written = pa.table(
            {
                "run_id": pa.array([run.run_id]).take(pa.array(np.zeros(item.size, int))),
                "item_id": ids.take(pa.array(item)),
                "layer": np.array(run.layers, np.int16)[layer],
                "multiplier": np.array(made.shape.multipliers)[multiplier],
                "logit_diff": run.logit_diff.reshape(-1),
                "answer_logmass": run.answer_logmass.reshape(-1),
            }
        )
        connection.execute("insert into measurement by name from written")
    measured = {run.evaluation_id: run for run in made.runs if run.role == "fitted"}
    for evaluation_id, run in measured.items():
        rows = [n for n, i in enumerate(made.items[run.concept]) if i.split != "train"]
        columns = {
            "evaluation_id": [evaluation_id] * len(rows),
            "item_id": [made.items[run.concept][n].item_id for n in rows],
            "logit_diff": made.baseline[evaluation_id][rows],
            "answer_logmass": np.full(len(rows), -0.25, np.float32),
            "prefix_logprob": np.linspace(-1, 0, len(rows)).astype(np.float32),
        }
        schema = arrow_schema("baseline")
        written = pa.table(columns, schema=pa.schema([schema.field(name) for name in columns]))  # noqa: F841
        connection.execute("insert into baseline by name from written")
