"""Which effects on features are rows: the large ones, and those that were aimed at."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import duckdb
import pytest
import torch

from runners.rollouts.effects import Effect, Shelf
from runners.rollouts.lost import lost_rows
from runners.rollouts.rows import effect_rows
from runners.saes.features import Chosen
from tests.empty_warehouse import place
from warehouse.relations import arrow_table

FOUND = Effect(
    effect=torch.tensor([0.5, 0.001, -0.02, 0.0, 0.004]).double(),
    standard_error=torch.tensor([0.1, 0.1, 0.1, 0.0, torch.nan]).double(),
    steered_mean=torch.tensor([0.75, 0.5, 0.25, 0.0, 1.0]).double(),
    n_rollouts=3,
)
AIMED = (Chosen(3, 1.0), Chosen(1, -0.5), Chosen(0, 2.0))


def cell(features: dict[int, tuple[Chosen, ...]], **parameters: Any) -> Any:
    vector = SimpleNamespace(parameters=parameters, features=features)
    return SimpleNamespace(run=SimpleNamespace(run_id="r", vector=vector), layer=2, multiplier=-1.5)


def features(of: Any, sae_id: str = "own", floor: float = 0.01) -> list[int]:
    return [row["feature"] for row in effect_rows(of, sae_id, "unsteered", FOUND, floor)]


def test_what_was_aimed_at_is_a_row_however_small_its_effect() -> None:
    aimed = cell({2: AIMED}, sae_id="own")
    assert features(aimed) == [0, 1, 2, 3]
    by_feature = {r["feature"]: r for r in effect_rows(aimed, "own", "unsteered", FOUND, 0.01)}
    assert by_feature[3]["effect"] == by_feature[3]["standard_error"] == 0
    assert by_feature[1]["effect"] == pytest.approx(0.001)
    assert by_feature[1]["unsteered_mean"] == pytest.approx(0.499)
    assert {(r["run_id"], r["layer"], r["multiplier"]) for r in by_feature.values()} == {("r", 2, -1.5)}  # fmt: skip
    # With a floor above everything: the targets, and the largest.
    assert features(aimed, floor=9.0) == [0, 1, 3]


@pytest.mark.parametrize(
    "of",
    [
        cell({}),
        cell({}, sae_id="own"),
        cell({1: AIMED}, sae_id="own"),  # it is made of them at another layer
        cell({2: AIMED}, sae_id="other"),  # they are numbers of another autoencoder
    ],
)
def test_a_vector_that_names_no_feature_has_the_large_ones_and_the_largest(of: Any) -> None:
    assert features(of) == [0, 2]
    assert features(of, floor=9.0) == [0]


def test_an_error_that_is_not_known_is_null() -> None:
    rows = effect_rows(cell({2: (Chosen(4, 1.0),)}, sae_id="own"), "own", "steered", FOUND, 0.01)
    assert [(r["feature"], r["standard_error"] is None, r["stream"]) for r in rows] == [
        (0, False, "steered"),
        (2, False, "steered"),
        (4, True, "steered"),
    ]


def test_a_file_says_again_what_the_warehouse_lacks(tmp_path: Path) -> None:
    """All of a cell that has no row, and of one without a feature that its vector aims at."""
    shelf = Shelf(tmp_path, "own", "unsteered")
    aimed, plain = cell({2: AIMED}, sae_id="own"), cell({})
    plain.run.run_id, aimed.run.vector.vector_id, plain.run.vector.vector_id = "p", "a", "b"
    unit: Any = SimpleNamespace(
        asked=[aimed, plain],
        pairs=lambda: [None] * FOUND.n_rollouts,
        spec=SimpleNamespace(floor=0.01),
    )

    def lost() -> list[tuple[str, int]]:
        found = lost_rows(tmp_path, unit, [shelf], [aimed, plain])
        return [(row["run_id"], row["feature"]) for row in found]

    place(tmp_path)
    assert lost() == []  # there is no file
    for each in (aimed, plain):
        shelf.keep(each, FOUND)
    assert lost() == [*(("r", j) for j in (0, 1, 2, 3)), ("p", 0), ("p", 2)]
    few = [
        row for row in effect_rows(aimed, "own", "unsteered", FOUND, 0.01) if row["feature"] != 3
    ]
    few += effect_rows(plain, "own", "unsteered", FOUND, 0.01)
    with duckdb.connect(str(tmp_path / "warehouse.duckdb")) as connection:
        written = arrow_table("feature_effect", few)  # noqa: F841, read by its name
        connection.execute("insert into feature_effect by name from written")
    assert lost() == [("r", j) for j in (0, 1, 2, 3)]
    with duckdb.connect(str(tmp_path / "warehouse.duckdb")) as connection:
        connection.execute(
            "update feature_effect set feature = 3 where run_id = 'r' and feature = 2"
        )
    assert lost() == []
