from __future__ import annotations

import duckdb
import pytest

from analysis.catalog import checks, get
from analysis.run import check
from tests.analysis.conftest import rows
from warehouse.relations import GRAIN

ONE = "select * from measurement where layer = 1 order by all limit 1"

SPOILS = {
    "duplicate_measurements": f"insert into measurement {ONE}",
    "duplicate_keys": "insert into run (select * from run order by all limit 1)",
    "orphan_measurements": "delete from item where item_id in (select item_id from measurement)",
    "baseline_missing": "delete from baseline where item_id = (select min(item_id) from baseline)",
    "cell_counts": "delete from measurement where item_id = (select min(item_id) from measurement)",
    "non_finite": "update vector_layer set length = 'nan' where layer = 2",
    "broken_relations": "delete from vector where role = 'fitted'",
    "layers_not_there": "update model set n_layers = 2",
    "nameless_ids": "delete from name where kind = 'model'",
    "missing_measurements": f"delete from measurement where run_id = (select run_id from ({ONE}))",
    "nulls_without_parent": "update vector set parent_vector_id = null where role = 'null'",
    "dataset_counts": "update dataset set n_items = n_items + 1",
}


def test_every_check_has_a_spoil() -> None:
    assert sorted(SPOILS) == [analysis.name for analysis in checks()]


def test_a_whole_warehouse_passes(connection: duckdb.DuckDBPyConnection) -> None:
    found = {checked.analysis.name: checked.n_rows for checked in check(connection)}
    assert found == dict.fromkeys(SPOILS, 0)


@pytest.mark.parametrize("name", SPOILS)
def test_a_fault_is_found(writable: duckdb.DuckDBPyConnection, name: str) -> None:
    writable.execute(SPOILS[name])
    assert rows(writable, name)
    found = {checked.analysis.name: checked.n_rows for checked in check(writable)}
    assert found[name] == len(rows(writable, name))


def test_no_relation_is_left_out_of_duplicate_keys() -> None:
    sql = get("duplicate_keys").sql
    for relation, key in GRAIN.items():
        if relation != "measurement":
            assert f"\n    from {relation}\n" in sql
            assert all(column in sql for column in key)


@pytest.mark.parametrize("relation", [r for r in GRAIN if r != "measurement"])
def test_duplicate_keys_in_every_relation(
    writable: duckdb.DuckDBPyConnection, relation: str
) -> None:
    if not writable.execute(f"select 1 from {relation} limit 1").fetchall():
        _fill_one(writable, relation)
    writable.execute(f"insert into {relation} (select * from {relation} limit 1)")
    assert {row["relation"] for row in rows(writable, "duplicate_keys")} == {relation}


def _fill_one(connection: duckdb.DuckDBPyConnection, relation: str) -> None:
    """Insert a row of whatever the columns take."""
    values = {"VARCHAR": "'x'", "BOOLEAN": "true", "TIMESTAMP": "now()"}
    named = {"measures": "'behaviour'"}
    row = [
        named.get(name) or (f"[{one}]" if kind.endswith("[]") else one)
        for name, kind, *_ in connection.execute(f"describe {relation}").fetchall()
        for one in (values.get(kind.removesuffix("[]"), "1"),)
    ]
    connection.execute(f"insert into {relation} values ({', '.join(row)})")


@pytest.mark.parametrize(
    ("sql", "lacking"),
    [
        (f"insert into measurement select * replace ('nowhere' as run_id) from ({ONE})", "run"),
        ("delete from evaluation", "evaluation"),
        ("delete from item", "item"),
        ("delete from dataset_item where split = 'test'", "dataset_item"),
    ],
)
def test_orphans_of_every_kind(writable: duckdb.DuckDBPyConnection, sql: str, lacking: str) -> None:
    writable.execute(sql)
    assert {row["lacking"] for row in rows(writable, "orphan_measurements")} == {lacking}


def test_refused_items_need_no_measurement(writable: duckdb.DuckDBPyConnection) -> None:
    writable.execute(
        "create temp table lost as select min(item_id) as item_id from measurement;"
        "insert into refused select distinct evaluation_id, item_id, 'too long', true "
        "from measurement join run using (run_id) join lost using (item_id);"
        "delete from measurement where item_id in (from lost);"
        "delete from baseline where item_id in (from lost);"
        "update cell set n_items = n_items - 1 where run_id in (select run_id from run "
        "join evaluation using (evaluation_id) join dataset_item using (dataset_id) "
        "where item_id in (from lost) and dataset_item.split = cell.split)"
    )
    assert [c.analysis.name for c in check(writable) if c.n_rows] == []
