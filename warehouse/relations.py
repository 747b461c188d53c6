"""The relations of the warehouse seen from outside: keys, Arrow schemas, Arrow tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import duckdb

if TYPE_CHECKING:
    import pyarrow as pa

KEYS: dict[str, tuple[str, ...]] = {
    "model": ("model_id",),
    "dataset": ("dataset_id",),
    "variant": ("variant_id",),
    "item": ("item_id",),
    "dataset_item": ("dataset_id", "row"),
    "dataset_text": ("dataset_id", "row"),
    "name": ("kind", "id", "name"),
    "planted": ("model_id", "dataset_id", "quantity", "variant_id", "layer"),
    "vector": ("vector_id",),
    "vector_fit": ("vector_id", "dataset_id", "split", "variant_id"),
    "vector_layer": ("vector_id", "layer"),
    "vector_direction": ("vector_id", "layer"),
    "vector_feature": ("vector_id", "layer", "feature"),
    "evaluation": ("evaluation_id",),
    "baseline": ("evaluation_id", "item_id"),
    "refused": ("evaluation_id", "item_id"),
    "run": ("run_id",),
    "measurement": ("run_id", "item_id", "layer", "multiplier"),
    "text_set": ("text_set_id",),
    "text": ("text_id",),
    "text_set_text": ("text_set_id", "row"),
    "text_baseline": ("evaluation_id", "text_id"),
    "damage": ("run_id", "layer", "multiplier", "text_id"),
    "prompt_set": ("prompt_set_id",),
    "prompt": ("prompt_id",),
    "prompt_set_prompt": ("prompt_set_id", "row"),
    "rollout": ("rollout_id",),
    "sae": ("sae_id",),
    "sae_check": ("sae_id", "model_id", "layer", "text_set_id"),
    "feature_effect": ("run_id", "layer", "multiplier", "sae_id", "stream"),
    "rise_multiplier": ("evaluation_id", "vector_id", "operator", "layer", "rule", "target"),
    "scorer": ("scorer_id",),
    "scorer_concept": ("scorer_id", "dataset_id"),
    "score": ("rollout_id", "scorer_id"),
    "approximator": ("approximator_id",),
    "approximator_feature": ("approximator_id", "feature"),
    "feature_cause": ("approximator_id", "feature", "rank"),
    "feature_neighbour": ("sae_id", "feature", "rank"),
    "cell": ("run_id", "layer", "multiplier", "split", "block"),
    "experiment_run": ("experiment",),
    "verification": ("run_id", "item_id", "layer", "multiplier"),
    "execution": ("execution_id",),
}
"""By what a staged row replaces rows, or is recognised as there already (FIRST_WINS)."""

FIRST_WINS = frozenset(
    """
    variant item dataset_item dataset_text name vector vector_fit vector_layer vector_direction
    vector_feature
    evaluation baseline run text text_set_text text_baseline
    prompt prompt_set_prompt rollout rise_multiplier scorer scorer_concept
    """.split()
)
"""Relations whose existing row stays; the rows of the others are replaced."""

GRAIN: dict[str, tuple[str, ...]] = {
    **KEYS,
    "experiment_run": ("experiment", "run_id", "split", "layer", "multiplier"),
    "feature_effect": ("run_id", "layer", "multiplier", "sae_id", "stream", "feature"),
}
"""What no two rows of a relation share: the key, but for the relations replaced in bulk."""


@lru_cache(maxsize=1)
def _schemas() -> Mapping[str, pa.Schema]:
    from warehouse.migrate import scripts

    with duckdb.connect() as connection:
        for script in scripts():
            connection.execute(script.sql)
        return {
            relation: connection.sql(f'from "{relation}" limit 0').to_arrow_table().schema
            for relation in KEYS
        }


def arrow_schema(relation: str) -> pa.Schema:
    """Return the columns and Arrow types of `relation`, as its table is declared.

    Raises KeyError for a relation that does not exist.
    """
    return _schemas()[relation]


def arrow_table(relation: str, rows: Sequence[Mapping[str, Any]]) -> pa.Table:
    """Return `rows` as a table of `relation`; keys left out become null, unknown ones raise."""
    import pyarrow as pa

    schema = arrow_schema(relation)
    unknown = sorted({key for row in rows for key in row} - set(schema.names))
    if unknown:
        raise ValueError(f"{relation} has no column {', '.join(unknown)}")
    return pa.Table.from_pylist([dict(row) for row in rows], schema=schema)


def arrow_fitted(relation: str, table: pa.Table) -> pa.Table:
    """Return `table` with the relation's columns and types, columns left out being null.

    Raises ValueError for a column that the relation does not have.
    """
    import pyarrow as pa

    schema = arrow_schema(relation)
    unknown = sorted(set(table.column_names) - set(schema.names))
    if unknown:
        raise ValueError(f"{relation} has no column {', '.join(unknown)}")
    absent = [field for field in schema if field.name not in table.column_names]
    for field in absent:
        table = table.append_column(field, pa.nulls(table.num_rows, field.type))
    return table.select(schema.names).cast(schema)
