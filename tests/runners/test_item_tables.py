"""The rows of `item` and `dataset_item`, taken from a dataset's columns as they are."""

from __future__ import annotations

from dataclasses import replace

import pyarrow as pa

from runners.campaign.bench import Bench
from runners.campaign.rows import item_tables
from warehouse.relations import arrow_schema, arrow_table


def test_each_item_once_and_each_place_of_it(kind: Bench) -> None:
    here = kind.dataset
    more = replace(here, dataset_id="f" * 16, items=here.items.slice(40).combine_chunks())
    twice = replace(
        here, dataset_id="e" * 16, items=pa.concat_tables([here.items, here.items.slice(0, 3)])
    )
    found = item_tables([here, more, twice, replace(here, name="another name")])
    columns = arrow_schema("item").names
    expected = {
        row["item_id"]: {k: v for k, v in row.items() if k in columns}
        for row in here.items.to_pylist()
    }
    assert found["item"].equals(arrow_table("item", list(expected.values())))
    keys = ("row", "item_id", "split", "source_row", "label_confidence")
    places = [
        {"dataset_id": one.dataset_id, **{k: row[k] for k in keys}}
        for one in (here, more, twice)
        for row in one.items.to_pylist()
    ]
    assert found["dataset_item"].equals(arrow_table("dataset_item", places))
