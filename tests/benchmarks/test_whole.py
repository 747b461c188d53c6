"""The benchmarks of whole runs: where seconds go, and what items cost."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import pytest

from benchmarks import many_items, methods, overhead


def test_seconds_are_booked_where_the_innermost_function_belongs() -> None:
    ledger = overhead.Ledger()
    inner = ledger.wrapped("model", lambda: time.sleep(0.05))

    def outer() -> None:
        time.sleep(0.02)
        inner()

    ledger.wrapped("plan", outer)()
    assert ledger.seconds["model"] >= 0.05
    assert 0.02 <= ledger.seconds["plan"] < 0.05
    assert ledger.calls == {"plan": 1, "model": 1}


@pytest.mark.parametrize("name", [name for names in overhead.LEDGER.values() for name in names])
def test_what_is_watched_is_there_and_comes_back(name: str) -> None:
    owner, attribute, function = overhead._find(name)
    with overhead.Ledger().watching({"kind": (name,)}):
        assert getattr(owner, attribute) is not function
    assert getattr(owner, attribute) is function


@pytest.mark.slow
def test_the_seconds_of_a_run_add_up(shared: Path, tmp_path: Path) -> None:
    options = argparse.Namespace(
        size="tiny", limit=20, variants=1, methods=["mean_difference"], layers="all"
    )
    found = overhead.measure(options, tmp_path)
    assert found["measurements"] == 2 * 20 * 4 * 6
    assert sum(found["seconds"].values()) == pytest.approx(found["whole"])
    assert {"model", "tokenise", "build", "ingest", "views"} <= set(found["seconds"])
    assert "not the model" in overhead.table(found)


@pytest.mark.slow
def test_many_methods_share_their_prompts(shared: Path, tmp_path: Path) -> None:
    found = methods.measure(argparse.Namespace(size="tiny", limit=20, threads=1), tmp_path)
    for name, layers in (("one layer", 1), ("all layers", 4)):
        way = found["ways"][name]
        one, many = way["1"], way[str(len(methods.MANY))]
        assert one["items"] == many["items"] == 40
        assert one["measurements"] == 40 * layers * 6
        assert many["measurements"] == len(methods.MANY) * one["measurements"]
        assert f"{way['ratio']:4.2f}" in methods.table(found)


@pytest.mark.slow
def test_items_cost_less_than_what_fits_into_memory(tmp_path: Path) -> None:
    """By 3,000 items more, `run` grows by less than 20 kB an item: 2 GB at 100,000."""
    found = many_items.measure([200, 3200], tmp_path)
    assert found["bytes_an_item"]["run"] < 20_000
    assert found["bytes_an_item"]["build"] < 20_000
    assert "bytes an item" in many_items.table(found)
