from __future__ import annotations

import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from warehouse.faults import WarehouseRefused
from warehouse.ingest import ingest
from warehouse.lock import locked


def test_the_second_is_refused_by_name_after_the_wait(tmp_path: Path) -> None:
    import os

    with (
        locked(tmp_path),
        pytest.raises(WarehouseRefused, match=rf"process {os.getpid()} has been writing"),
        locked(tmp_path, wait=0.1),
    ):
        pass
    with locked(tmp_path, wait=0):
        pass


def test_the_second_waits_for_the_first(tmp_path: Path) -> None:
    order = []

    def first() -> None:
        with locked(tmp_path):
            order.append("first in")
            started.set()
            time.sleep(0.3)
            order.append("first out")

    started = threading.Event()
    thread = threading.Thread(target=first)
    thread.start()
    started.wait()
    with locked(tmp_path, wait=10):
        order.append("second in")
    thread.join()
    assert order == ["first in", "first out", "second in"]


def test_two_ingests_at_once_take_every_file_once(simple: Any) -> None:
    for layer in range(4, 12):
        simple.lines("r", layer, {"i1": 1, "i2": 2})
        simple.stage()
    script = (
        "import pathlib, sys; from warehouse.ingest import ingest\n"
        "print(ingest(pathlib.Path(sys.argv[1])).files)"
    )
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", script, str(simple.home)], stdout=subprocess.PIPE, text=True
        )
        for _ in range(3)
    ]
    taken = [int(process.communicate()[0]) for process in processes]
    assert all(process.returncode == 0 for process in processes)
    assert sum(taken) == 8
    assert simple.rows("select count(*) from measurement") == [(9 * 12,)]


def test_an_ingest_that_waits_in_vain_says_who_holds_the_lock(simple: Any) -> None:
    simple.stage()
    with (
        locked(simple.home),
        pytest.raises(WarehouseRefused, match="what is staged stays staged"),
    ):
        ingest(simple.home, wait=0.1)
    assert ingest(simple.home).files == 1
