"""SIGKILL at every step of an ingest: old or new file whole, and in the end the same rows."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from warehouse.connect import connect
from warehouse.file import path

PRELUDE = """
import os, pathlib, shutil, signal, sys
import warehouse.incoming, warehouse.ingest, warehouse.rewrite
home = pathlib.Path(sys.argv[1])
def die(*args, **kwargs):
    os.kill(os.getpid(), signal.SIGKILL)
def nth(number, real, then=die):
    calls = []
    def counted(*args, **kwargs):
        calls.append(1)
        return then(*args, **kwargs) if len(calls) == number else real(*args, **kwargs)
    return counted
"""

MOMENTS = {
    "before the copy": "warehouse.rewrite.shutil.copyfile = die",
    "half a copy": """
def half(source, target):
    pathlib.Path(target).write_bytes(pathlib.Path(source).read_bytes()[:40000]); die()
warehouse.rewrite.shutil.copyfile = half""",
    "before the second file": "warehouse.ingest.take = nth(2, warehouse.ingest.take)",
    "inside a transaction": "warehouse.incoming._insert = nth(4, warehouse.incoming._insert)",
    "before the file is synced": "warehouse.rewrite.os.fsync = die",
    "before the rename": "pathlib.Path.replace = die",
    "after the rename": "warehouse.rewrite.sync_folder = die",
    "before the first staged file goes": """
real = pathlib.Path.unlink
pathlib.Path.unlink = lambda self, *a, **k: die() if self.suffix == '.parquet' else real(self, *a, **k)""",
    "after the first staged file went": """
real, gone = pathlib.Path.unlink, []
def unlink(self, *args, **kwargs):
    if self.suffix == '.parquet':
        gone.append(self)
        if len(gone) == 2: die()
    return real(self, *args, **kwargs)
pathlib.Path.unlink = unlink""",
}


def _prepare(world: Any) -> None:
    """A warehouse with one run, and three staged files, of which two write the same cell."""
    world.model()
    world.items("d", {"item_id": "i1"}, {"item_id": "i2"})
    world.evaluation("e", "d", {"i1": 0.0, "i2": 0.0})
    world.vector("v", ("d", "base"))
    world.run("r", "e", "v")
    world.lines("r", 0, {"i1": 1, "i2": 2})
    world.ingest()
    world.lines("r", 0, {"i1": 3})
    world.add("name", {"kind": "model", "id": "m", "name": "alias"})
    world.stage()
    world.lines("r", 1, {"i1": 4, "i2": 5})
    world.stage()
    world.lines("r", 1, {"i1": 6})
    world.stage()


def _ingest(home: Path, extra: str = "") -> subprocess.Popen[bytes]:
    script = f"{PRELUDE}\n{extra}\nwarehouse.ingest.ingest(home)\n"
    return subprocess.Popen([sys.executable, "-c", script, str(home)])


@pytest.fixture
def expected(world: Any, tmp_path: Path) -> Any:
    undisturbed = type(world)(tmp_path / "undisturbed")
    _prepare(undisturbed)
    old = undisturbed.contents()
    undisturbed.ingest()
    return old, undisturbed.contents()


@pytest.mark.parametrize("moment", MOMENTS)
def test_killed_at(world: Any, expected: Any, moment: str) -> None:
    old, new = expected
    assert old != new
    _prepare(world)
    assert _ingest(world.home, MOMENTS[moment]).wait() == -signal.SIGKILL
    assert world.contents() in (old, new)
    done = world.ingest()
    assert done.refused == []
    assert world.contents() == new
    assert world.ingest().files == 0


def test_killed_at_random_times(world: Any, expected: Any) -> None:
    old, new = expected
    _prepare(world)
    draw = random.Random(0)
    for _ in range(6):
        process = _ingest(world.home)
        time.sleep(draw.uniform(0.1, 0.6))
        process.kill()
        process.wait()
        assert world.contents() in (old, new)
    world.ingest()
    assert world.contents() == new


def test_the_first_ingest_of_all_killed_leaves_no_warehouse(world: Any) -> None:
    world.model()
    world.stage()
    process = _ingest(world.home, "warehouse.ingest.take = die")
    assert process.wait() == -signal.SIGKILL
    assert not path(world.home).exists()
    assert world.ingest().rows == {"model": 1, "name": 1}


def test_the_lock_dies_with_its_holder(world: Any) -> None:
    world.model()
    world.stage()
    process = _ingest(world.home, "import time; warehouse.ingest.take = lambda *_: time.sleep(60)")
    lock = world.home / "warehouse.lock"
    while not lock.exists() or lock.read_text() != str(process.pid):
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    world.ingest()
    with connect(world.home) as connection:
        assert connection.execute("select count(*) from model").fetchall() == [(1,)]
