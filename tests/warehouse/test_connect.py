from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb
import pytest

from warehouse.connect import connect
from warehouse.faults import WarehouseRefused
from warehouse.file import path


def test_a_missing_warehouse_says_what_fills_one(tmp_path: Path) -> None:
    with pytest.raises(WarehouseRefused, match=r"no warehouse yet; `steerhouse run EXPERIMENT`"):
        connect(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_nothing_can_be_written(simple: Any) -> None:
    simple.ingest()
    with connect(simple.home) as connection, pytest.raises(duckdb.Error, match="read-only"):
        connection.execute("delete from run")


def test_a_writer_elsewhere_is_named(simple: Any) -> None:
    simple.ingest()
    script = (
        "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print(1, flush=True);"
        " sys.stdin.read()"
    )
    writer = subprocess.Popen(
        [sys.executable, "-c", script, str(path(simple.home))],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert writer.stdout is not None
    writer.stdout.readline()
    simple.lines("r", 4, {"i1": 1.0})
    simple.stage()
    for act in (lambda: connect(simple.home), simple.ingest):
        with pytest.raises(WarehouseRefused, match=rf"process {writer.pid} has it open"):
            act()
    writer.communicate(b"")
    assert simple.ingest().files == 1


@pytest.mark.parametrize("content", [b"", b"not a database", b"\0" * 20000])
def test_a_file_that_is_no_warehouse_is_refused(tmp_path: Path, content: bytes) -> None:
    path(tmp_path).write_bytes(content)
    with pytest.raises(WarehouseRefused, match=str(path(tmp_path))):
        connect(tmp_path)


def test_a_database_of_another_program_is_refused_and_left_alone(world: Any) -> None:
    world.home.mkdir()
    with duckdb.connect(str(path(world.home))) as connection:
        connection.execute("create table theirs (a integer)")
    before = path(world.home).read_bytes()
    with pytest.raises(WarehouseRefused, match="of another program"):
        connect(world.home)
    world.model()
    with pytest.raises(WarehouseRefused, match="of another program"):
        world.ingest()
    assert path(world.home).read_bytes() == before


def test_a_home_with_quotes_and_spaces(tmp_path: Path, world: Any) -> None:
    odd = type(world)(tmp_path / "it's a home")
    odd.model()
    assert odd.ingest().files == 1
    assert odd.rows("select model_id from model") == [("m",)]
