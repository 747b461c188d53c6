from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from warehouse.connect import connect
from warehouse.faults import WarehouseRefused
from warehouse.file import path
from warehouse.ingest import Ingested, ingest
from warehouse.staged import waiting


def test_nothing_staged_does_nothing(tmp_path: Path) -> None:
    assert ingest(tmp_path) == Ingested(0, {}, [])
    assert list(tmp_path.iterdir()) == []


def test_rows_come_in_and_staged_files_go(simple: Any) -> None:
    done = simple.ingest()
    assert done.files == 1
    assert done.rows["measurement"] == 12
    assert done.refused == []
    assert waiting(simple.home) == []
    assert simple.rows("select count(*), sum(logit_diff) from measurement") == [(12, 6.0)]
    assert not path(simple.home).with_name("warehouse.duckdb.next").exists()


def test_the_same_file_twice_changes_nothing(simple: Any) -> None:
    file = simple.stage()
    data = file.read_bytes()
    ingest(simple.home)
    before = simple.contents()
    file.write_bytes(data)
    ingest(simple.home)
    assert simple.contents() == before


def test_measurements_are_replaced_by_key_and_others_stay(simple: Any) -> None:
    simple.ingest()
    row = {"run_id": "r", "item_id": "i1", "layer": 3, "multiplier": 1.0}
    simple.add("measurement", {**row, "logit_diff": 9.0, "answer_logmass": -1.0})
    simple.ingest()
    assert simple.rows("select count(*) from measurement") == [(12,)]
    found = simple.rows("select item_id from measurement where logit_diff = 9")
    assert found == [("i1",)]


def test_first_rows_stay_and_copies_within_a_file_are_one(world: Any) -> None:
    world.add("baseline", *[_baseline(1.0)] * 2)
    assert world.ingest().rows == {"baseline": 1}
    world.add("baseline", _baseline(2.0))
    assert world.ingest().rows == {}
    assert world.rows("select logit_diff from baseline") == [(1.0,)]


def _baseline(value: float) -> dict[str, Any]:
    row = {"evaluation_id": "e", "item_id": "i", "logit_diff": value}
    return {**row, "answer_logmass": -0.1}


def test_an_experiment_is_replaced_whole(world: Any) -> None:
    row = {"run_id": "r", "split": "test", "layer": 1, "n_asked": 2}
    world.add("experiment_run", *({"experiment": "a", "multiplier": m, **row} for m in (1.0, 2.0)))
    world.add("experiment_run", {"experiment": "b", "multiplier": 1.0, **row})
    world.ingest()
    world.add("experiment_run", {"experiment": "a", "multiplier": 3.0, **row})
    world.ingest()
    found = world.rows("select experiment, multiplier from experiment_run order by all")
    assert found == [("a", 3.0), ("b", 1.0)]


def test_a_planted_truth_without_layer_is_replaced(world: Any) -> None:
    row = {"model_id": "m", "dataset_id": "d", "quantity": "q", "variant_id": "v"}
    for value in (1.0, 2.0):
        world.add("planted", {**row, "value": value}, {**row, "layer": 2, "value": value})
        world.ingest()
    found = world.rows("select layer, value from planted order by layer")
    assert found == [(2, 2.0), (None, 2.0)]


def test_of_two_files_the_later_counts(world: Any) -> None:
    row = {"run_id": "r", "item_id": "i", "layer": 3, "multiplier": 1.0, "answer_logmass": 0.0}
    world.add("measurement", {**row, "logit_diff": 1.0})
    world.stage("z")
    world.add("measurement", {**row, "logit_diff": 2.0})
    world.stage("a")
    world.ingest()
    assert world.rows("select logit_diff from measurement") == [(2.0,)]


@pytest.mark.parametrize("damage", ["truncated", "flipped", "empty"])
def test_a_damaged_file_is_put_aside_and_the_rest_goes_on(simple: Any, damage: str) -> None:
    simple.add("name", {"kind": "model", "id": "other", "name": "kept"})
    good = simple.pending.pop("name")
    bad = simple.stage("bad/block")
    simple.add("name", *good)
    simple.stage("good")
    data = bytearray(bad.read_bytes())
    if damage == "flipped":
        data[len(data) // 3] ^= 64
    bad.write_bytes({"truncated": data[:-20], "flipped": data, "empty": b""}[damage])
    done = simple.ingest()
    assert done.files == 1
    (line,) = done.refused
    assert str(bad) in line
    assert "truncated or altered" in line
    assert (simple.home / "staged" / "refused" / "bad" / bad.name).exists()
    assert simple.rows("select count(*) from measurement") == [(0,)]
    assert ("kept",) in simple.rows("select name from name")
    assert simple.ingest() == Ingested(0, {}, [])


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("relation", ["measurement", "baseline"])
def test_a_logit_difference_that_is_not_finite_refuses_the_file(
    simple: Any, relation: str, value: float
) -> None:
    simple.add("name", {"kind": "model", "id": "x", "name": "not taken"})
    simple.pending[relation][1]["logit_diff"] = value
    simple.stage()
    done = ingest(simple.home)  # of a home without a warehouse
    assert done.files == 0
    assert done.rows == {}
    (line,) = done.refused
    assert f"{relation}.logit_diff is not finite in 1 rows" in line
    assert not path(simple.home).exists()


def test_a_row_twice_in_a_file_refuses_it(simple: Any) -> None:
    simple.pending["measurement"].append(simple.pending["measurement"][0])
    (line,) = simple.ingest().refused
    assert "measurement holds 1 rows more than once" in line


def test_a_null_where_none_may_be_refuses_the_file(simple: Any) -> None:
    simple.pending["run"][0]["scope"] = None
    (line,) = simple.ingest().refused
    assert "NOT NULL constraint failed: run" in line


def test_relations_and_columns_of_a_later_code_are_refused(world: Any, tmp_path: Path) -> None:
    import hashlib

    import pyarrow as pa
    import pyarrow.parquet as pq

    for name, table in {
        "x": pa.table({"of_tomorrow": [{"run_id": "r"}]}),
        "y": pa.table({"name": [{"kind": "k", "id": "i", "name": "n", "colour": "red"}]}),
    }.items():
        pq.write_table(table, tmp_path / name)
        digest = hashlib.sha256((tmp_path / name).read_bytes()).hexdigest()[:16]
        target = world.home / "staged" / f"{name}.{digest}.parquet"
        target.parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).rename(target)
    x, y = sorted(ingest(world.home).refused)
    assert "holds of_tomorrow, which this steerhouse does not know" in x
    assert "colour" in y


def test_an_open_reader_keeps_its_snapshot_and_a_new_one_sees_the_rows(simple: Any) -> None:
    simple.ingest()
    with connect(simple.home) as before:
        count = "select count(*) from measurement"
        assert before.execute(count).fetchall() == [(12,)]
        simple.lines("r", 4, {"i1": 1, "i2": 1})
        simple.ingest()
        assert before.execute(count).fetchall() == [(12,)]
        with connect(simple.home) as after:
            assert after.execute(count).fetchall() == [(24,)]


def test_a_leftover_copy_is_overwritten(simple: Any) -> None:
    simple.ingest()
    leftover = path(simple.home).with_name("warehouse.duckdb.next")
    leftover.write_bytes(b"half a copy")
    leftover.with_name("warehouse.duckdb.next.wal").write_bytes(b"log")
    simple.lines("r", 4, {"i1": 1})
    assert simple.ingest().files == 1
    assert not leftover.exists()


def test_a_log_of_another_program_is_not_lost(simple: Any) -> None:
    simple.ingest()
    log = path(simple.home).with_name("warehouse.duckdb.wal")
    log.write_bytes(b"x")
    simple.lines("r", 4, {"i1": 1})
    with pytest.raises(WarehouseRefused, match="another program wrote into the warehouse"):
        simple.ingest()
    assert len(waiting(simple.home)) == 1


def test_a_full_disk_loses_nothing(simple: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    simple.ingest()
    before = simple.contents()
    simple.lines("r", 4, {"i1": 1})

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("warehouse.rewrite.shutil.copyfile", full)
    with pytest.raises(WarehouseRefused, match="No space left on device; make room"):
        simple.ingest()
    monkeypatch.undo()
    assert simple.contents() == before
    assert simple.ingest().rows == {"measurement": 6}
