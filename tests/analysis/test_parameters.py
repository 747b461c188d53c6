from __future__ import annotations

from typing import Any

import duckdb
import pytest

from analysis import catalog
from analysis.parameters import bound
from analysis.run import answer
from tests.analysis.tables import warehouse
from tests.analysis.test_catalog import GOOD
from warehouse.faults import WarehouseRefused


def refusal(connection: duckdb.DuckDBPyConnection, name: str, **given: Any) -> tuple[str, ...]:
    with pytest.raises(WarehouseRefused) as refused:
        answer(connection, name, given)
    return refused.value.faults


def test_defaults(connection: duckdb.DuckDBPyConnection) -> None:
    assert bound(connection, catalog.get("steerability"), {}) == {
        "experiment": None,
        "model": None,
        "concept": None,
        "method": None,
        "split": "test",
        "role": "fitted",
        "layer": None,
        "multiplier_bound": 1.5,
        "confidence": 0.95,
    }


def test_values_are_cast(connection: duckdb.DuckDBPyConnection) -> None:
    given = {"concept": ("a", "b"), "model": "c", "layer": "3", "role": "null", "method": ()}
    values = bound(connection, catalog.get("propensity_curve"), given)
    assert values["concept"] == ["a", "b"]
    assert values["model"] == ["c"]
    assert (values["layer"], values["role"], values["method"]) == ("3", "null", None)


def test_the_widest_window(connection: duckdb.DuckDBPyConnection) -> None:
    values = bound(connection, catalog.get("item_slopes"), {"multiplier_bound": "inf"})
    assert values["multiplier_bound"] == float("inf")


@pytest.mark.parametrize(
    ("name", "given", "line"),
    [
        (
            "steerability",
            {"splt": "test"},
            "analysis steerability has no parameter 'splt' (its parameters: experiment, model, "
            "concept, method, split, role, layer, multiplier_bound, confidence); did you mean 'split'?",
        ),
        (
            "non_finite",
            {"concept": "x"},
            "analysis non_finite has no parameter 'concept' (it takes none)",
        ),
        (
            "steerability",
            {"split": "tests"},
            "--param split=tests: must be one of train, validation, test (split that is reported); "
            "did you mean 'test'?",
        ),
        (
            "steerability",
            {"confidence": "95"},
            "--param confidence=95: must be between 0 and 1 (level of the intervals)",
        ),
        (
            "steerability",
            {"multiplier_bound": "nan"},
            "--param multiplier_bound=nan: must be above 0 (slopes are fitted over "
            "abs(multiplier) up to this)",
        ),
        (
            "anti_steerable_items",
            {"most": "many"},
            "--param most=many: must be a whole number from 1 on (at most so many items of each "
            "run and layer, the worst first)",
        ),
        (
            "propensity_curve",
            {"layer": "last"},
            "--param layer=last: must be a layer number or `best` (one layer, or `best` = the one that "
            "validation chose; null = all)",
        ),
        (
            "steerability",
            {"concept": ["koncept1"]},
            "--concept koncept1: the warehouse has no such concept (it has concept0, concept1); "
            "did you mean 'concept1'?",
        ),
        (
            "steerability",
            {"experiment": "x*"},
            "--experiment x*: the warehouse has no such experiment (it has synthetic)",
        ),
        (
            "steerability",
            {"model": "tag:small"},
            "--model tag:small: tags are not in the warehouse; give names or globs",
        ),
    ],
)
def test_what_is_wrong_is_said_in_one_line(
    connection: duckdb.DuckDBPyConnection, name: str, given: dict[str, Any], line: str
) -> None:
    assert refusal(connection, name, **given) == (line,)


def test_every_fault_is_said_at_once(connection: duckdb.DuckDBPyConnection) -> None:
    assert len(refusal(connection, "steerability", concept="x", model="y")) == 2


def test_a_missing_parameter_is_named(connection: duckdb.DuckDBPyConnection) -> None:
    analysis = catalog.parse("topic", "name", GOOD)
    with pytest.raises(WarehouseRefused) as refused:
        bound(connection, analysis, {})
    assert refused.value.faults == (
        "analysis name needs layer (the layer); give it with `--param layer=...`",
    )


def test_names_are_not_sql(connection: duckdb.DuckDBPyConnection) -> None:
    (line,) = refusal(connection, "steerability", concept="'; drop table run; --")
    assert line.startswith("--concept '; drop table run; --: the warehouse has no such concept")


def test_an_empty_warehouse_knows_no_names() -> None:
    with warehouse() as empty:
        assert answer(empty, "steerability").fetchall() == []
        assert refusal(empty, "steerability", concept="x") == (
            "--concept x: the warehouse has no such concept",
        )
