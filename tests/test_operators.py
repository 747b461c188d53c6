"""Experiments with operators, through the command: what is asked, measured, chosen, verified."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from analysis.run import answer
from runners.campaign.combinations import combinations
from runners.campaign.experiment_faults import faults
from specs.catalog import Catalog
from specs.schema import Experiment, Nulls
from specs.settings import Settings
from tests.experiments import ask, quick
from warehouse.connect import connect

ALL = (
    "operators: [ablate, add, ablate_then_add, clamp]\nlayers: best\nlimit: 4\n"
    "splits: [validation, test]\nscopes: [answer, all]\nnulls: {random: 2}\n"
)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("operators")
    done = quick(folder, "ways", ALL, "--verify", "30")
    assert done.returncode == 0, done.stderr
    assert "differs from the reference path" not in done.stderr  # every way served
    assert "verified 30 random rows by the reference path" in done.stderr
    assert "mean_difference · clamp · all: 3 (slope" in done.stderr
    assert "next: steerhouse analyse effects --experiment ways" in done.stderr
    assert "next: steerhouse analyse steerability --experiment ways" in done.stderr
    return folder


def test_each_operator_measures_its_own_multipliers(home: Path) -> None:
    assert ask(
        home,
        "select operator, list_sort(list(distinct multiplier)), bool_and(identity_at_zero), "
        "bool_and(graded) from measurement join run using (run_id) group by all order by all",
    ) == [
        ("ablate", [1], False, False),
        ("ablate_then_add", [-1, 0, 1], False, True),
        ("add", [-1, 1], True, True),
        ("clamp", [-1, 0, 1], False, True),
    ]


def test_nothing_that_was_asked_is_missing_or_twice(home: Path) -> None:
    assert ask(home, "select sum(n_missing) from coverage") == [(0,)]
    with connect(home / "data") as connection:
        for check in ("cell_counts", "missing_measurements", "duplicate_measurements"):
            assert answer(connection, check, {}).fetchall() == []


def test_an_operator_without_a_slope_takes_the_layer_of_add_with_its_nulls(home: Path) -> None:
    found = ask(
        home,
        "select operator, scope, role, list(distinct layer), count(distinct run_id) from sweep "
        "where split = 'test' group by all order by all",
    )
    assert found == [
        (operator, scope, role, [3], 1 if role == "fitted" else 2)
        for operator in ("ablate", "ablate_then_add", "add", "clamp")
        for scope in ("all", "answer")
        for role in ("fitted", "null")
    ]
    # Where a layer is chosen, it has nothing to say: it is measured at that layer alone.
    assert ask(
        home,
        "select distinct layer from sweep where operator = 'ablate' and split = 'validation'",
    ) == [(3,)]


def test_ablate_then_add_nothing_is_ablate(home: Path) -> None:
    ((n, largest),) = ask(
        home,
        "select count(*), max(abs(a.effect - b.effect)) from sweep as a join sweep as b using "
        "(vector_id, evaluation_id, scope, split, layer, item_id) where a.operator = 'ablate' "
        "and b.operator = 'ablate_then_add' and b.multiplier = 0",
    )
    assert n == 32
    assert largest < 1e-3


def test_where_the_prompt_holds_nothing_of_a_vector_all_operators_add(home: Path) -> None:
    """No word of the reference concept writes along the planted direction before the answer."""
    found = ask(
        home,
        "select operator, steerability from steerability where role = 'fitted' and split = 'test' "
        "and scope = 'answer'",
    )
    slopes = dict(found)
    assert set(slopes) == {"add", "ablate_then_add", "clamp"}
    assert max(slopes.values()) - min(slopes.values()) < 1e-3 * min(slopes.values())


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({}, "operator ablate has no slope to choose a layer by"),
        ({"layers": (2, 3), "nulls": Nulls(random=2)}, "ask for operator add too, whose layer"),
        (
            {"operators": ("ablate", "clamp"), "multipliers": (-1.0, 1.0)},
            "operator clamp measures 0 only where it is among them; add e.g. -1, 0 and 1",
        ),
        ({"operators": ("ablate", "add"), "multipliers": (-1.0, 1.0)}, None),
        ({"layers": (3,), "nulls": Nulls(random=2)}, None),
        ({"layers": (2, 3)}, None),
    ],
)
def test_what_cannot_choose_a_layer_is_a_fault(changes: dict[str, Any], fault: str | None) -> None:
    catalog = Catalog()
    asked = {"operators": ("ablate",), "layers": "best", **changes}
    experiment = Experiment(name="x", models=("reference",), concepts=("kind",), **asked)
    found = faults(experiment, combinations(experiment, catalog), catalog, Settings())
    assert [fault in line for line in found if fault] == [True] * len(found)
    assert bool(found) == bool(fault)


def test_one_layer_needs_no_choice(tmp_path: Path) -> None:
    text = "operators: [ablate]\nlayers: [3]\nlimit: 4\nsplits: [test]\nnulls: {random: 2}\n"
    done = quick(tmp_path, "one", text)
    assert done.returncode == 0, done.stderr
    assert "12 measurements" in done.stderr
    assert "analyse effects" in done.stderr
    assert "analyse steerability" not in done.stderr
