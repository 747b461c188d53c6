"""The warning where a model does not answer."""

from __future__ import annotations

from typing import Any

from warehouse.answering import warning
from warehouse.connect import connect


def test_the_least_answering_are_named_first(world: Any) -> None:
    world.model()
    world.items("d", {"item_id": "i"}, {"item_id": "j"})
    world.vector("v", ("d", "base"))
    for number in range(5):
        world.evaluation(f"e{number}", "d", {}, variant=f"v{number}")
        world.run(f"r{number}", f"e{number}", "v")
        for item in "ij":
            row = {"evaluation_id": f"e{number}", "item_id": item, "logit_diff": 0.0}
            world.add("baseline", {**row, "answer_logmass": -float(number)})
    world.ingest()
    assert world.rows("select answering from unsteered order by variant") == [
        (True,), (False,), (False,), (False,), (False,),
    ]  # fmt: skip
    with connect(world.home) as connection:
        line = warning(connection)
        assert warning(connection, experiment=["nobody"]) is None
    assert line is not None
    assert "in 4 of 5 evaluations" in line
    assert "m-name · d-name · v4 (0.018), m-name · d-name · v3 (0.05)" in line
    assert "v2 (0.14) and 1 more" in line
