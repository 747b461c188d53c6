"""Damage for the made-up warehouse: parabolas whose levels are known, with noise over texts."""

from __future__ import annotations

from typing import Any

import duckdb
import numpy as np

from tests.analysis.synthetic import identity
from tests.analysis.truth import Synthetic
from warehouse.relations import arrow_table

TEXTS = 6
WIDTH = 0.4
"""KL at multiplier 1 of a fitted vector at layer 1; at layer n it is n times that."""


def fill_damage(connection: duckdb.DuckDBPyConnection, made: Synthetic) -> None:
    """Write a text set that every vector was measured on, and its KL into `made.damage`.

    The cross-entropy rise is half of the KL at positive multipliers and minus a tenth at negative
    ones.
    """
    rows: dict[str, list[dict[str, Any]]] = {}

    def add(relation: str, **row: Any) -> None:
        rows.setdefault(relation, []).append(row)

    texts = [identity("text", n) for n in range(TEXTS)]
    set_id = identity("text_set")
    add("text_set", text_set_id=set_id, n_texts=TEXTS)
    add("name", kind="text_set", id=set_id, name="plain")
    for n, text_id in enumerate(texts):
        add("text", text_id=text_id, text=f"Text {n}.")
        add("text_set_text", text_set_id=set_id, row=n, text_id=text_id)
    evaluations = {}
    for model in range(made.shape.models):
        model_id = identity("model", f"model{model}")
        evaluations[model_id] = identity("evaluation", model_id, "texts")
        add("evaluation", evaluation_id=evaluations[model_id], model_id=model_id, text_set_id=set_id, score="next_token", parameters="{}")  # fmt: skip
        for text_id in texts:
            add("text_baseline", evaluation_id=evaluations[model_id], text_id=text_id, n_tokens=50, cross_entropy=3.0)  # fmt: skip
    draw = np.random.default_rng(1)
    for vector in made.relations["vector"]:
        if vector["method"] == "label_shuffled":
            continue
        evaluation_id = evaluations[vector["model_id"]]
        run_id = identity("run", evaluation_id, vector["vector_id"])
        fitted = vector["role"] == "fitted"
        layers = list(range(made.shape.layers)) if fitted else [made.shape.nulls_at]
        add("run", run_id=run_id, evaluation_id=evaluation_id, vector_id=vector["vector_id"], operator="add", parameters="{}", scope="all", identity_at_zero=True, graded=True)  # fmt: skip
        wide = 1 + draw.uniform(-0.2, 0.2, TEXTS)
        x = np.array(made.shape.multipliers)
        widths = WIDTH * np.array(layers) if fitted else np.full(1, 0.05)
        kl_of_run = made.damage[run_id] = widths[:, None, None] * x[None, :, None] ** 2 * wide
        for i, layer in enumerate(layers):
            for j, multiplier in enumerate(made.shape.multipliers):
                key = {"run_id": run_id, "layer": layer, "multiplier": multiplier}
                add("experiment_run", experiment="synthetic", split="text", n_asked=TEXTS, **key)
                add("cell", split="text", block=0, n_items=TEXTS, execution_id="e", **key)
                for text_id, kl in zip(texts, kl_of_run[i, j], strict=True):
                    rise = kl * (0.5 if multiplier > 0 else -0.1)
                    add("damage", text_id=text_id, n_tokens=50, kl=kl, cross_entropy_rise=rise, **key)  # fmt: skip
    for relation, some in rows.items():
        written = arrow_table(relation, some)  # noqa: F841, DuckDB reads it by name
        connection.execute(f"insert into {relation} by name from written")
