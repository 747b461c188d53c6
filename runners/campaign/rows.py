"""From tensors and objects to the rows of relations."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from specs import operators
from specs.identity import canonical_json

if TYPE_CHECKING:
    import pyarrow as pa

    from builders.dataset import BuiltDataset
    from runners.campaign.asked import Run
    from runners.engine.measure import Cell
    from runners.fitting.vectors import SteeringVector


AUDITED = (
    "n_duplicate_rows",
    "n_leaked_questions",
    "n_low_confidence",
    "n_unparsed_options",
    "n_control_tokens",
)
"""Counts of the audit that are columns of `dataset`."""
OF_ITEM = """
item_id question_id question options symbols positive_option option_order positive_answer
""".split()
OF_VECTOR = "vector vector_fit vector_layer vector_direction vector_feature name".split()
OF_PLACE = ["row", "item_id", "split", "source_row", "label_confidence"]
"""Columns of config `items` that are columns of `item`, and of `dataset_item`."""


def repeated(values: Sequence[str], index: np.ndarray) -> pa.Array:
    """Return `values[index]` as an Arrow string array, without a Python object per row."""
    import pyarrow as pa

    return pa.DictionaryArray.from_arrays(
        pa.array(index.astype(np.int32)), pa.array(values, pa.string())
    ).cast(pa.string())


def measurements(
    run_ids: Sequence[str],
    multipliers: Sequence[float],
    layer: int,
    item_ids: Sequence[str],
    logit_diff: np.ndarray,
    answer_logmass: np.ndarray,
) -> pa.Table:
    """Return measurement rows of one layer; arrays are float32 [items, branches]."""
    import pyarrow as pa

    n_items, n_branches = logit_diff.shape
    branch = np.tile(np.arange(n_branches), n_items)
    names = list(dict.fromkeys(run_ids))
    of_branch = np.array([names.index(run) for run in run_ids])
    return pa.table(
        {
            "run_id": repeated(names, of_branch[branch]),
            "item_id": repeated(item_ids, np.repeat(np.arange(n_items), n_branches)),
            "layer": pa.array(np.full(branch.size, layer, np.int16)),
            "multiplier": pa.array(np.asarray(multipliers, np.float64)[branch]),
            "logit_diff": pa.array(logit_diff.reshape(-1).astype(np.float32)),
            "answer_logmass": pa.array(answer_logmass.reshape(-1).astype(np.float32)),
        }
    )


def dataset_rows(dataset: BuiltDataset, concept: Any) -> dict[str, list[dict[str, Any]]]:
    """Return the rows of dataset, variant and name of a built dataset."""
    return {
        "dataset": [
            {
                "dataset_id": dataset.dataset_id,
                "kind": concept.kind,
                "answer_format": concept.answer_format,
                "split_by": concept.splits.by,
                "n_items": dataset.items.num_rows,
                "n_questions": len(dataset.items["question_id"].unique()),
                "licence": concept.licence,
                "citation": concept.citation,
                **{name: getattr(dataset.audit, name) for name in AUDITED},
            }
        ],
        "variant": [
            {"variant_id": built.variant_id, "dataset_id": dataset.dataset_id}
            for built in dataset.variants.values()
        ],
        "name": [
            {"kind": "concept", "id": dataset.dataset_id, "name": concept.name},
            *(
                {"kind": "variant", "id": built.variant_id, "name": name}
                for name, built in dataset.variants.items()
            ),
        ],
    }


def item_tables(datasets: Iterable[BuiltDataset]) -> dict[str, pa.Table]:
    """Return the tables of item and dataset_item, each item and each dataset once.

    Columns are handed on as they are: a dataset may have 100,000 items.
    """
    import pyarrow as pa

    from warehouse.relations import arrow_fitted

    by_id = {dataset.dataset_id: dataset.items for dataset in datasets}
    if not by_id:
        return {}
    items = pa.concat_tables([table.select(OF_ITEM) for table in by_id.values()])
    codes = items["item_id"].combine_chunks().dictionary_encode().indices.to_numpy()
    first = np.sort(np.unique(codes, return_index=True)[1])
    placed = [
        table.select(OF_PLACE).append_column("dataset_id", pa.repeat(dataset_id, len(table)))
        for dataset_id, table in by_id.items()
    ]
    return {
        "item": arrow_fitted("item", items.take(first)),
        "dataset_item": arrow_fitted("dataset_item", pa.concat_tables(placed)),
    }


def vector_rows(vectors: Iterable[SteeringVector]) -> dict[str, list[dict[str, Any]]]:
    """Return the rows of vector and of the relations that say more of it, and its names."""
    rows: dict[str, list[dict[str, Any]]] = {name: [] for name in OF_VECTOR}
    seen: dict[str, set[int]] = {}
    for vector in vectors:
        rows["name"].append({"kind": "method", "id": vector.vector_id, "name": vector.name})
        fresh, layers = vector.vector_id not in seen, seen.setdefault(vector.vector_id, set())
        # A null of several layers comes as one vector a layer.
        for layer in sorted(vector.directions.keys() - layers):
            key = {"vector_id": vector.vector_id, "layer": layer}
            direction = vector.directions[layer].tolist()
            rows["vector_layer"].append({**key, **_of_layer(vector, layer)})
            rows["vector_direction"].append({**key, "direction": direction})
            rows["vector_feature"] += [
                {**key, "sae_id": vector.parameters["sae_id"], **each._asdict()}
                for each in vector.features.get(layer, ())
            ]
        layers.update(vector.directions)
        if not fresh:
            continue
        same = {
            name: getattr(vector, name)
            for name in (
                "vector_id model_id method seed resample combination norm norm_vector_id "
                "parent_vector_id role"
            ).split()
        }
        parameters = canonical_json(vector.parameters)
        rows["vector"].append({**same, "parameters": parameters})
        rows["vector_fit"] += [
            {"vector_id": vector.vector_id, **fit._asdict()} for fit in vector.fits
        ]
    return rows


def _of_layer(vector: SteeringVector, layer: int) -> dict[str, Any]:
    """Return the columns of vector_layer but its key."""
    raw, factor = vector.raw_length[layer], vector.factor[layer]
    return {
        "length": raw * factor,
        "raw_length": raw,
        "factor": factor,
        "residual_norm": vector.residual_norm.get(layer),
        "degenerate": vector.degenerate(layer),
        **dict(vector.geometry.get(layer, {})),
    }


def run_row(run: Run) -> dict[str, Any]:
    """Return the row of `run`."""
    return {
        "run_id": run.run_id,
        "evaluation_id": run.evaluation_id,
        "vector_id": run.vector.vector_id,
        "operator": run.operator,
        "parameters": "{}",
        "scope": run.scope,
        "identity_at_zero": operators.identity_at_zero(run.operator),
        "graded": operators.graded(run.operator),
    }


def cell_rows(
    cells: Iterable[Cell], split: str, block: int, n_items: int, execution_id: str
) -> list[dict[str, Any]]:
    """Return the rows of `cell` of a finished block of `n_items` items, or texts."""
    return [
        {
            "run_id": cell.run.run_id,
            "layer": cell.layer,
            "multiplier": cell.multiplier,
            "split": split,
            "block": block,
            "n_items": n_items,
            "execution_id": execution_id,
        }
        for cell in cells
    ]
