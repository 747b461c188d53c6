"""What a bench knows of its dataset without a Python object for each row."""

from __future__ import annotations

from dataclasses import replace

import pyarrow as pa
import pytest

from runners.campaign import bench as bench_
from runners.campaign.bench import Bench


@pytest.fixture
def doubled(kind: Bench) -> Bench:
    """The bench with every item of its dataset twice, as sources that hold exact duplicates."""
    items = kind.dataset.items
    dataset = replace(kind.dataset, items=pa.concat_tables([items, items.slice(5), items]))
    return Bench(kind.loaded, kind.concept, dataset, kind.variants)


@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_item_ids_are_distinct_and_in_dataset_order(doubled: Bench, split: str) -> None:
    rows = doubled.dataset.items.to_pylist()
    expected = list(dict.fromkeys(row["item_id"] for row in rows if row["split"] == split))
    assert len(expected) > 1
    assert doubled.item_ids(split) == expected
    assert doubled.item_ids(split, 2) == expected[:2]


def test_the_ids_handed_out_are_the_callers_own(kind: Bench) -> None:
    kind.item_ids("test").clear()
    assert kind.item_ids("test")


@pytest.mark.parametrize("at_once", [2048, 7])
def test_every_text_is_searched(kind: Bench, at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench_, "ROWS", at_once)
    rows = kind.dataset.variants["base"].rows
    expected = {m["content"] for row in rows.to_pylist() for m in row["messages"]}
    assert set(bench_._contents(rows)) == expected
    part = rows.slice(3, 4)
    assert set(bench_._contents(part)) == {
        m["content"] for row in part.to_pylist() for m in row["messages"]
    }
