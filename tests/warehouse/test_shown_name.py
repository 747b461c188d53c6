"""Edited concepts are told apart by name, and an id with two names is shown by the one asked for."""

from __future__ import annotations

from typing import Any

import pytest


def _concept(world: Any, dataset: str, name: str, hour: int | None, asked: bool) -> None:
    """One concept with one run, measured at `hour`."""
    world.items(dataset, {"item_id": f"i-{dataset}"})
    world.add("name", {"kind": "concept", "id": dataset, "name": name})
    world.evaluation(f"e-{dataset}", dataset, {f"i-{dataset}": 0.0})
    world.vector(f"v-{dataset}", (dataset, "base"))
    world.run(f"r-{dataset}", f"e-{dataset}", f"v-{dataset}")
    world.lines(f"r-{dataset}", 1, {f"i-{dataset}": 1.0})
    if hour is not None:
        _measured(world, dataset, hour)
    if asked:
        about = {"experiment": "x", "run_id": f"r-{dataset}", "split": "test", "layer": 1}
        world.add("experiment_run", {**about, "multiplier": 1.0, "n_asked": 1})


def _measured(world: Any, dataset: str, hour: int) -> None:
    import datetime

    at = datetime.datetime(2026, 1, 1, hour, tzinfo=datetime.UTC)
    world.add(
        "execution",
        {
            "execution_id": f"x{hour}", "command": "", "code_version": "", "versions": "{}",
            "started_at": at,
        },
    )  # fmt: skip
    world.add(
        "cell",
        {
            "run_id": f"r-{dataset}", "layer": 1, "multiplier": 1.0, "split": "test", "block": 0,
            "n_items": 1, "execution_id": f"x{hour}",
        },
    )  # fmt: skip


@pytest.fixture
def edited(world: Any) -> Any:
    """Concept 0-tea, written three ways: c was measured last, but b is what is asked now."""
    world.model()
    _concept(world, "c", "0-tea", 9, asked=False)
    _concept(world, "b", "0-tea", 5, asked=True)
    _concept(world, "a", "0-tea", 3, asked=False)
    _concept(world, "other", "0-cup", 1, asked=False)
    world.ingest()
    return world


CARDS = "select {} from asked_cards(null, null, {}, null, 'fitted', null)"


def test_the_newest_bears_the_plain_name(edited: Any) -> None:
    found = edited.rows(f"{CARDS.format('dataset_id, concept', 'null')} order by dataset_id")
    assert found == [("a", "0-tea@1"), ("b", "0-tea"), ("c", "0-tea@2"), ("other", "0-cup")]
    assert edited.rows("select id from shown_name where suffix <> '' order by id") == [
        ("a",),
        ("c",),
    ]


def test_a_filter_finds_all_versions_and_keeps_their_numbers(edited: Any) -> None:
    asked = CARDS.format("concept", "['0-t*']")
    assert edited.rows(f"{asked} order by 1") == [("0-tea",), ("0-tea@1",), ("0-tea@2",)]


def test_an_id_with_two_names_is_shown_by_the_one_asked_for(edited: Any) -> None:
    edited.add("name", {"kind": "concept", "id": "other", "name": "beaker"})
    edited.ingest()
    for asked, shown in {
        "null": "0-cup",
        "['beaker']": "beaker",
        "['0-cup', 'beaker']": "0-cup",
    }.items():
        found = edited.rows(f"{CARDS.format('concept', asked)} where run_id = 'r-other'")
        assert found == [(shown,)]


def test_variants_have_an_id_for_every_dataset_and_are_no_versions(edited: Any) -> None:
    assert edited.rows(CARDS.format("distinct variant", "null")) == [("base",)]
