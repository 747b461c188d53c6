"""A study of a CAA-style folder as rows of the warehouse's relations."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

from runners.campaign.ids import evaluation_id, run_id
from runners.campaign.rows import OF_ITEM, OF_PLACE, repeated
from runners.imports.caa_study import Study
from specs.identity import canonical_json, identity

if TYPE_CHECKING:
    import pyarrow as pa

FORMAT = "caa"
SCORE = "decision"
"""a_prob and b_prob are those of the token in which the answers differ."""
ARCHITECTURES = {"7b": (32, 4096), "13b": (40, 5120), "70b": (80, 8192)}
"""Blocks and width of the Llama-2 models whose names CAA writes."""


class Declared(NamedTuple):
    """What the user says of a folder; the numbers are filed under it."""

    label: str
    variant: str
    scope: str


class Ids(NamedTuple):
    """What a study's rows hang on."""

    model_id: str
    variant_id: str
    evaluation_id: str
    vector_id: str
    run_id: str


def variant_name(study: Study, declared: Declared) -> str:
    """Return the name of what stood around the questions: the system prompt is part of it."""
    if study.system_prompt is None:
        return declared.variant
    sides = {"pos": "positive", "neg": "negative"}
    return f"{declared.variant}_system_{sides.get(study.system_prompt, study.system_prompt)}"


def ids(study: Study, declared: Declared) -> Ids:
    """Return the ids: of what is declared, since neither weights nor vectors are there to hash."""
    dataset_id = study.dataset.dataset_id
    model_id = identity("model", format=FORMAT, declared=study.model)
    name = variant_name(study, declared)
    variant_id = identity("variant", format=FORMAT, dataset_id=dataset_id, declared=name)
    evaluation = evaluation_id(model_id, dataset_id, variant_id, SCORE)
    vector_id = identity(
        "vector",
        format=FORMAT,
        model=study.model,
        behaviour=study.behaviour,
        label=declared.label,
    )
    run = run_id(evaluation, vector_id, "add", declared.scope)
    return Ids(model_id, variant_id, evaluation, vector_id, run)


def about(studies: Iterable[Study], declared: Declared) -> dict[str, pa.Table]:
    """Return the rows that say what the numbers are about, each once."""
    from warehouse.relations import GRAIN, arrow_table

    rows: dict[str, list[dict[str, Any]]] = {}
    for study in studies:
        for relation, made in _about(study, declared).items():
            rows.setdefault(relation, []).extend(made)
    return {
        relation: arrow_table(
            relation,
            list({tuple(row[key] for key in GRAIN[relation]): row for row in made}.values()),
        )
        for relation, made in rows.items()
        if made
    }


def numbers(study: Study, declared: Declared) -> tuple[pa.Table, pa.Table]:
    """Return the rows of measurement and of baseline."""
    import numpy as np

    from warehouse.relations import arrow_fitted

    made = ids(study, declared)
    measured, unsteered = (
        table.append_column(name, repeated([value], np.zeros(table.num_rows, int)))
        for table, name, value in (
            (study.measured, "run_id", made.run_id),
            (study.unsteered, "evaluation_id", made.evaluation_id),
        )
    )
    return arrow_fitted("measurement", measured), arrow_fitted("baseline", unsteered)


def _about(study: Study, declared: Declared) -> dict[str, list[dict[str, Any]]]:
    made, dataset_id = ids(study, declared), study.dataset.dataset_id
    return {
        "model": [_model(study, made)],
        "dataset": [_dataset(study)],
        "variant": [{"variant_id": made.variant_id, "dataset_id": dataset_id}],
        "item": [{name: row[name] for name in OF_ITEM} for row in study.dataset.rows],
        "dataset_item": [
            {**{name: row[name] for name in OF_PLACE}, "dataset_id": dataset_id}
            for row in study.dataset.rows
        ],
        "name": _names(study, made, declared),
        "vector": [_vector(study, made, declared)],
        "evaluation": [_evaluation(study, made)],
        "run": [_run(made, declared)],
        "refused": [
            {
                "evaluation_id": made.evaluation_id,
                "item_id": item,
                "reason": reason,
                "dropped": True,
            }
            for item, reason in study.dropped.items()
        ],
        "experiment_run": _asked(study, made, declared),
    }


def _model(study: Study, made: Ids) -> dict[str, Any]:
    size = study.model.removeprefix("Llama-2-").partition("-")[0]
    n_layers, d_model = ARCHITECTURES.get(size, (None, None))
    return {
        "model_id": made.model_id,
        "source": f"declared:{study.model}",
        "dtype": "undeclared",
        "n_layers": n_layers,
        "d_model": d_model,
    }


def _dataset(study: Study) -> dict[str, Any]:
    rows = study.dataset.rows
    return {
        "dataset_id": study.dataset.dataset_id,
        "kind": "choice",
        "answer_format": "letter",
        "split_by": "given",
        "n_items": len(rows),
        "n_questions": len({row["question_id"] for row in rows}),
        "n_duplicate_rows": len(rows) - len({row["item_id"] for row in rows}),
        "n_leaked_questions": 0,
    }


def _names(study: Study, made: Ids, declared: Declared) -> list[dict[str, Any]]:
    return [
        {"kind": "model", "id": made.model_id, "name": study.model},
        {"kind": "concept", "id": study.dataset.dataset_id, "name": study.behaviour},
        {"kind": "variant", "id": made.variant_id, "name": variant_name(study, declared)},
        {"kind": "method", "id": made.vector_id, "name": declared.label},
    ]


def _vector(study: Study, made: Ids, declared: Declared) -> dict[str, Any]:
    said = {
        "format": FORMAT,
        "model": study.model,
        "behaviour": study.behaviour,
        "label": declared.label,
    }
    return {
        "vector_id": made.vector_id,
        "model_id": made.model_id,
        "method": "imported",
        "parameters": canonical_json(said),
        "norm": "undeclared",
        "role": "fitted",
    }


def _evaluation(study: Study, made: Ids) -> dict[str, Any]:
    return {
        "evaluation_id": made.evaluation_id,
        "model_id": made.model_id,
        "dataset_id": study.dataset.dataset_id,
        "variant_id": made.variant_id,
        "score": SCORE,
        "parameters": "{}",
    }


def _run(made: Ids, declared: Declared) -> dict[str, Any]:
    return {
        "run_id": made.run_id,
        "evaluation_id": made.evaluation_id,
        "vector_id": made.vector_id,
        "operator": "add",
        "parameters": "{}",
        "scope": declared.scope,
        "identity_at_zero": True,
        "graded": True,
    }


def _asked(study: Study, made: Ids, declared: Declared) -> list[dict[str, Any]]:
    """Every layer at every multiplier that occurs: a file that is lacking shows as missing."""
    return [
        {
            "experiment": f"import-{declared.label}",
            "run_id": made.run_id,
            "split": "test",
            "layer": layer,
            "multiplier": multiplier,
            "n_asked": len({row["item_id"] for row in study.dataset.rows}),
        }
        for layer in study.layers
        for multiplier in study.multipliers
    ]
