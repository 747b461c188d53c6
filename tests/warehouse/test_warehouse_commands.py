from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import duckdb
import pytest
from click.testing import CliRunner, Result

from warehouse.commands import warehouse
from warehouse.faults import WarehouseRefused
from warehouse.file import attach, path
from warehouse.migrate import VERSION, scripts


def _call(home: Path, *arguments: str) -> Result:
    return CliRunner().invoke(warehouse, list(arguments), obj=SimpleNamespace(home=home))


def test_migrate_makes_a_warehouse_and_says_so_on_stderr(tmp_path: Path) -> None:
    result = _call(tmp_path, "migrate")
    assert result.stdout == ""
    applied = ", ".join([*(script.name for script in scripts()), "views"])
    assert result.stderr == f"schema version {VERSION}; applied: {applied}\n"
    assert path(tmp_path).exists()


def test_ingest_counts_and_names_what_it_refused(simple: Any) -> None:
    bad = simple.stage()
    bad.write_bytes(b"")
    simple.add("name", {"kind": "model", "id": "m", "name": "a"})
    simple.stage()
    result = _call(simple.home, "ingest")
    assert result.stdout == ""
    assert result.stderr == "1 files ingested: 1 name\n"
    assert isinstance(result.exception, WarehouseRefused)
    assert str(bad) in result.exception.faults[0]
    assert _call(simple.home, "ingest").stderr == "0 files ingested\n"


def test_info(simple: Any) -> None:
    simple.ingest()
    text = _call(simple.home, "info").stdout
    assert str(path(simple.home)) in text
    assert f"schema version  {VERSION}" in text
    lines = [line.split() for line in text.splitlines()]
    assert ["measurement", "12"] in lines
    assert ["concept", "1", "d-name"] in lines


def test_check_of_a_sound_warehouse(simple: Any) -> None:
    simple.ingest()
    result = _call(simple.home, "check")
    assert result.exit_code == 0, result.output
    assert "FAULT" not in result.stdout
    assert "table measurement: 12 rows" in result.stdout


@pytest.mark.parametrize(
    ("damage", "line"),
    [
        (
            "insert into measurement from measurement limit 1",
            "table measurement: 1 keys stand in more than one row",
        ),
        ("delete from run", "measurement without its run: 12 rows"),
        ("delete from item where item_id = 'i1'", "measurement without its item: 6 rows"),
        ("delete from vector", "run without its vector: 1 rows"),
    ],
)
def test_check_finds(simple: Any, damage: str, line: str) -> None:
    simple.ingest()
    with attach(path(simple.home), read_only=False) as connection:
        connection.execute(damage)
    result = _call(simple.home, "check")
    assert result.exit_code == 1
    assert f"FAULT  {line}" in result.stdout


def test_check_finds_damaged_bytes(simple: Any) -> None:
    for layer in range(4, 30):
        simple.lines("r", layer, {"i1": layer / 7, "i2": -1 / layer})
    simple.ingest()
    data = bytearray(path(simple.home).read_bytes())
    for position in range(3 * 4096, len(data), 50_000):
        data[position + 100] ^= 255
    path(simple.home).write_bytes(data)
    result = _call(simple.home, "check")
    assert result.exit_code == 1
    assert "FAULT" in result.stdout
    assert isinstance(result.exception, SystemExit)


def test_check_tells_of_staged_files(simple: Any) -> None:
    simple.ingest()
    simple.lines("r", 4, {"i1": 1.0})
    file = simple.stage()
    text = _call(simple.home, "check").stdout
    assert "staged: 1 files wait; run `steerhouse warehouse ingest`" in text
    file.write_bytes(b"")
    _call(simple.home, "ingest")
    result = _call(simple.home, "check")
    assert "FAULT  staged, refused: 1 files" in result.stdout
    assert result.exit_code == 1


def test_check_without_a_warehouse(tmp_path: Path) -> None:
    result = _call(tmp_path, "check")
    assert result.exit_code == 1
    assert "there is no warehouse yet" in result.stdout


def _two_runs(world: Any) -> None:
    """Run r by experiments x and y, run s by x alone; s has its own evaluation and vector."""
    world.model()
    world.items("d", {"item_id": "i"})
    for number, run in enumerate("rs"):
        world.evaluation(f"e-{run}", "d", {"i": 0.0}, variant=f"variant{number}")
        world.vector(f"v-{run}", ("d", "base"), layers={0: False}, norm_vector_id="v-base")
        world.run(run, f"e-{run}", f"v-{run}")
        world.lines(run, 0, {"i": 1.0})
        asked = {"run_id": run, "split": "test", "layer": 0, "multiplier": 1.0, "n_asked": 1}
        for experiment in "xy" if run == "r" else "x":
            world.add("experiment_run", {"experiment": experiment, **asked})
        cell = {"run_id": run, "layer": 0, "multiplier": 1.0, "split": "test", "block": 0}
        world.add("cell", {**cell, "n_items": 1, "execution_id": "z"})
    world.vector("v-base", ("d", "base"))
    world.vector("v-unused", ("d", "base"))
    world.ingest()


def test_forget_says_first_what_it_would_remove(world: Any) -> None:
    _two_runs(world)
    before = world.contents()
    result = _call(world.home, "forget", "--experiment", "x")
    assert result.exit_code == 0
    assert result.stdout.splitlines()[0] == "would remove 1 runs: s"
    assert ["measurement", "6"] in [line.split() for line in result.stdout.splitlines()]
    assert "add --yes" in result.stderr
    assert world.contents() == before


def test_forget_an_experiment_keeps_what_others_ask_for(world: Any) -> None:
    _two_runs(world)
    before = world.contents()
    assert _call(world.home, "forget", "--experiment", "x", "--yes").exit_code == 0
    after = world.contents()
    for table in ("run", "measurement", "cell"):
        assert {row[0] for row in after[table]} == {"r"}, table
    assert {row[0] for row in after["experiment_run"]} == {"y"}
    assert {row[0] for row in after["evaluation"]} == {"e-r"}
    assert {row[0] for row in after["baseline"]} == {"e-r"}
    assert {row[0] for row in after["vector"]} == {"v-r", "v-base", "v-unused"}
    assert {row[0] for row in after["vector_layer"]} == {"v-r"}
    for table in ("model", "dataset", "variant", "item", "dataset_item"):
        assert after[table] == before[table], table


def test_forget_a_run_whatever_asks_for_it(world: Any) -> None:
    _two_runs(world)
    world.lines("s", 1, {"i": 1.0})
    world.stage()
    _call(world.home, "forget", "--run", "r", "--run", "s", "--yes")
    after = world.contents()
    for table in ("run", "measurement", "cell", "experiment_run", "evaluation", "baseline"):
        assert after[table] == [], table
    assert {row[0] for row in after["vector"]} == {"v-unused"}
    assert world.ingest().files == 0


def test_forget_what_is_not_there(world: Any) -> None:
    _two_runs(world)
    result = _call(world.home, "forget", "--run", "q", "--experiment", "z", "--yes")
    assert isinstance(result.exception, WarehouseRefused)
    assert result.exception.faults == (
        "run q: is not in the warehouse",
        "experiment z: is not in the warehouse; it holds x, y",
    )
    assert _call(world.home, "forget").exit_code == 2


def test_a_plain_duckdb_client_reads_the_file(simple: Any) -> None:
    simple.ingest()
    with duckdb.connect(str(path(simple.home)), read_only=True) as connection:
        assert connection.execute("select steerability from steerability").fetchall() == [(0.5,)]
