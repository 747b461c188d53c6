"""The view coverage: what was asked, what of it is measured, and what was refused."""

from __future__ import annotations

from typing import Any

from tests.warehouse.choice_worlds import ask


def test_coverage_is_asked_minus_measured_minus_refused(world: Any) -> None:
    world.model()
    world.items("d", *({"item_id": name} for name in "abcd"))
    world.evaluation("e", "d", {"a": 0.0, "b": 0.0})
    world.vector("v", ("d", "base"))
    world.run("r", "e", "v")
    world.add("refused", _refusal("d"))
    world.lines("r", 1, {"a": 1, "b": 1})
    for multiplier in (0.0, 0.5, 2.0):
        ask(world, "r", "test", 1, multiplier, 4)
    ask(world, "r", "test", 2, 0.5, 4)
    world.ingest()
    found = world.rows(
        "select layer, multiplier, n_asked, n_measured, n_refused, n_missing"
        " from coverage order by layer, multiplier"
    )
    assert found == [
        (1, 0.0, 4, 2, 1, 1),
        (1, 0.5, 4, 2, 1, 1),
        (1, 2.0, 4, 0, 1, 3),
        (2, 0.5, 4, 0, 1, 3),
    ]
    assert world.rows("select complete from steerability") == [(False,)]


def _refusal(item: str) -> dict[str, Any]:
    reason = "longer than the context"
    return {"evaluation_id": "e", "item_id": item, "reason": reason, "dropped": True}


def test_what_is_all_there_is_complete_whoever_asked(simple: Any) -> None:
    for multiplier in (-1.0, 0.0, 1.0):
        ask(simple, "r", "test", 3, multiplier, 2)
    simple.ingest()
    assert simple.rows("select sum(n_missing) from coverage") == [(0,)]
    assert simple.rows("select complete from steerability") == [(True,)]


def test_an_asked_run_that_never_began_is_missing(world: Any) -> None:
    ask(world, "nowhere", "test", 1, 1.0, 5)
    world.ingest()
    found = world.one("from coverage")
    assert (found["n_missing"], found["n_measured"], found["concept"]) == (5, 0, None)
