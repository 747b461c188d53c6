"""vector_geometry by hand."""

from __future__ import annotations

from typing import Any

import pytest


def test_one_row_per_vector_and_layer_with_its_names(world: Any) -> None:
    world.model()
    world.items("d", {"item_id": "i"})
    world.evaluation("e", "d", {"i": 0.0})
    world.vector("v", ("d", "base"), parameters='{"read":"mean_completion"}')
    lengths = {"length": 2.0, "raw_length": 5.0, "factor": 0.4, "degenerate": False}
    stable = {"residual_norm": 20.0, "split_half_cosine": 0.5, "noise_length": 3.0}
    world.add("vector_layer", {"vector_id": "v", "layer": 1, **lengths, **stable})
    world.vector("own", None, method="file", layers={0: False})
    world.run("r", "e", "v")
    world.ingest()
    mine, own = world.dicts("from vector_geometry order by layer desc")
    assert mine["fit_concept"] == "d-name"
    assert mine["model"] == "m-name"
    assert mine["read_position"] == "mean_completion"
    assert (mine["n_items"], mine["n_questions"]) == (4, 2)
    assert mine["relative_length"] == pytest.approx(5 / 20)
    assert mine["replicate_cosine"] == pytest.approx(2 / 3)
    assert mine["systematic_share"] == pytest.approx(1 - 9 / 25)
    nothing = ("fit_concept", "read_position", "replicate_cosine", "systematic_share")
    assert [own[column] for column in nothing] == [None] * 4


@pytest.mark.parametrize(("halves", "expected"), [(-0.5, 0), (0.0, 0), (1.0, 1), (-1.0, 0)])
def test_halves_that_disagree_promise_nothing(world: Any, halves: float, expected: float) -> None:
    world.model()
    world.vector("v", None)
    row = {"length": 1.0, "raw_length": 1.0, "factor": 1.0, "degenerate": False}
    world.add("vector_layer", {"vector_id": "v", "layer": 0, **row, "split_half_cosine": halves})
    world.add("vector_layer", {"vector_id": "v", "layer": 1, **row, "noise_length": 2.0})
    world.ingest()
    found = world.dicts("from vector_geometry order by layer")
    assert found[0]["replicate_cosine"] == pytest.approx(expected)
    assert found[1]["systematic_share"] == 0
