from __future__ import annotations

import datetime

import pyarrow as pa
import pytest

from warehouse.migrate import scripts
from warehouse.relations import FIRST_WINS, GRAIN, KEYS, arrow_schema, arrow_table


def test_every_table_has_keys_and_every_key_is_a_column() -> None:
    created = {
        line.split()[2].strip('"')
        for script in scripts()
        for line in script.sql.splitlines()
        if line.startswith("create table")
    }
    assert created - {"schema_migration", "schema_definition"} == set(KEYS)
    for relation, key in {**KEYS, **GRAIN}.items():
        assert set(key) <= set(arrow_schema(relation).names)
    assert set(KEYS) >= FIRST_WINS


def test_schema_comes_from_the_ddl() -> None:
    schema = arrow_schema("measurement")
    assert schema.field("multiplier").type == pa.float64()
    assert schema.field("logit_diff").type == pa.float32()
    assert schema.field("layer").type == pa.int16()
    assert pa.types.is_list(arrow_schema("item").field("options").type)


def test_times_with_a_zone_become_utc() -> None:
    zone = datetime.timezone(datetime.timedelta(hours=2))
    row = {"execution_id": "x", "started_at": datetime.datetime(2026, 1, 1, 12, tzinfo=zone)}
    table = arrow_table("execution", [row])
    assert table["started_at"].to_pylist() == [datetime.datetime(2026, 1, 1, 10)]


def test_absent_is_null_and_unknown_is_an_error() -> None:
    assert arrow_table("name", [{"kind": "model"}]).to_pylist() == [
        {"kind": "model", "id": None, "name": None}
    ]
    with pytest.raises(ValueError, match="name has no column nmae"):
        arrow_table("name", [{"kind": "model"}, {"nmae": "x"}])
    with pytest.raises(KeyError):
        arrow_schema("nothing")
