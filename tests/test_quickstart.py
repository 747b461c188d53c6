"""The main job, end to end through the real command: run, rerun, extend, kill, resume."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from pathlib import Path

import duckdb
import pytest

from tests.command import STEERHOUSE, console_script, cpu_seconds, steerhouse

FACTS = {
    "measurement": "select * from measurement order by all",
    "baseline": "select * from baseline order by all",
    "cell": "select * exclude (execution_id) from cell order by all",
    "run": "select * from run order by all",
    "vector": "select * from vector order by all",
    "vector_layer": "select * from vector_layer order by all",
    "experiment_run": "select * from experiment_run order by all",
}

SMALL = """\
models: [reference]
concepts: [kind, proud]
layers: {layers}
multipliers: {multipliers}
nulls: {{random: 3, label_shuffled: 3}}
"""


def write_experiment(folder: Path, layers: str, multipliers: str) -> None:
    path = folder / "specs" / "experiments" / "small.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(SMALL.format(layers=layers, multipliers=multipliers), encoding="utf-8")


def run_small(folder: Path, home: str) -> subprocess.CompletedProcess[str]:
    return console_script("--specs", "specs", "--home", home, "run", "small", cwd=folder)


def rows(home: Path, relation: str) -> list[tuple[object, ...]]:
    with duckdb.connect(str(home / "warehouse.duckdb"), read_only=True) as connection:
        return connection.execute(FACTS[relation]).fetchall()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder in which the small experiment has been run once, undisturbed."""
    folder = tmp_path_factory.mktemp("quickstart")
    write_experiment(folder, "[2, 3, 4]", "[-1, 0, 1]")
    done = run_small(folder, "calm")
    assert done.returncode == 0, done.stderr
    return folder


def test_every_asked_number_is_there(folder: Path) -> None:
    done = steerhouse(
        "--home", "calm", "sql", "--format", "json",
        "select sum(n_asked) as asked, sum(n_measured) as measured, sum(n_missing) as missing "
        "from coverage",
        cwd=folder,
    )  # fmt: skip
    (total,) = json.loads(done.stdout)
    assert total["missing"] == 0
    assert total["measured"] == total["asked"] > 1000


def test_the_guard_compared_its_own_cells(folder: Path) -> None:
    with duckdb.connect(str(folder / "calm" / "warehouse.duckdb"), read_only=True) as connection:
        ((n, gap, scale),) = connection.execute(
            "select count(*), max(abs(logit_diff - reference)), max(scale) from verification"
        ).fetchall()
    assert n >= 8
    assert gap <= 3e-5 * scale


def test_a_second_run_does_nothing_and_says_so(folder: Path) -> None:
    before = {relation: rows(folder / "calm", relation) for relation in FACTS}
    done = run_small(folder, "calm")
    assert done.returncode == 0, done.stderr
    assert "nothing was measured" in done.stderr
    assert {relation: rows(folder / "calm", relation) for relation in FACTS} == before


def test_a_layer_and_a_multiplier_join_the_same_runs(folder: Path) -> None:
    first = run_small(folder, "growing")
    assert first.returncode == 0, first.stderr
    before = rows(folder / "growing", "measurement")
    runs = {row[0] for row in rows(folder / "growing", "run")}
    write_experiment(folder, "[2, 3, 4, 5]", "[-1, 0, 1, 1.5]")
    try:
        done = run_small(folder, "growing")
    finally:
        write_experiment(folder, "[2, 3, 4]", "[-1, 0, 1]")
    assert done.returncode == 0, done.stderr
    after = rows(folder / "growing", "measurement")
    assert set(before) < set(after)
    assert len({row[:4] for row in after}) == len(after), "a row is doubled"
    assert {row[0] for row in rows(folder / "growing", "run")} == runs


MOMENTS = (
    "datasets/kind/README.md",
    "vectors/*.safetensors",
    "staged/plan-*.parquet",
    "warehouse.duckdb.next",
    "staged/*/validation-*.parquet",
    "staged/*/test-*.parquet",
)
"""Files whose first appearance is a moment to be killed at."""


def test_killed_anywhere_and_resumed_equals_undisturbed(folder: Path) -> None:
    """SIGKILL at several moments of one run, each time going on; at the end all rows are equal."""
    home = folder / "killed"
    for pattern in MOMENTS:
        process = subprocess.Popen(
            [STEERHOUSE, "--specs", "specs", "--home", "killed", "run", "small"],
            cwd=folder,
            stderr=subprocess.DEVNULL,
        )
        while process.poll() is None and not any(home.glob(pattern)):
            time.sleep(0.001)
        assert process.poll() is None, f"{pattern} never appeared"
        process.send_signal(signal.SIGKILL)
        process.wait()
    done = run_small(folder, "killed")
    assert done.returncode == 0, done.stderr
    for relation in FACTS:
        assert rows(home, relation) == rows(folder / "calm", relation), relation


def test_ctrl_c_is_one_line_and_loses_nothing(folder: Path) -> None:
    process = subprocess.Popen(
        [STEERHOUSE, "--specs", "specs", "--home", "stopped", "run", "small"],
        cwd=folder,
        stderr=subprocess.PIPE,
        text=True,
    )
    time.sleep(3.0)
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate()
    if process.returncode != 0:  # it may have been faster than we were
        assert process.returncode == 130
        assert "Traceback" not in stderr
        assert "goes on there" in stderr
    assert run_small(folder, "stopped").returncode == 0
    assert rows(folder / "stopped", "measurement") == rows(folder / "calm", "measurement")


def test_sql_is_quick_and_loads_no_torch(folder: Path) -> None:
    args = ("--home", "calm", "sql", "select 1")
    assert min(cpu_seconds(*args, cwd=folder) for _ in range(3)) < 1.0


def test_status_tells_without_a_model(folder: Path) -> None:
    done = steerhouse("--home", "calm", "status", "small", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert "kind" in done.stdout
    assert "proud" in done.stdout


def test_dry_run_measures_nothing(folder: Path) -> None:
    done = steerhouse("--specs", "specs", "--home", "dry", "run", "small", "--dry-run", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert "to measure" in done.stderr
    assert not (folder / "dry" / "warehouse.duckdb").exists()


def test_verify_measures_again_by_the_reference_path(folder: Path) -> None:
    done = steerhouse(
        "--specs", "specs", "--home", "calm", "run", "small", "--verify", "12", cwd=folder
    )
    assert done.returncode == 0, done.stderr
    assert "verified 12 random rows" in done.stderr


def test_the_reference_engine_gives_the_same_rows(folder: Path) -> None:
    ask = ("--specs", "specs", "run", "--concept", "kind", "--model", "reference")
    how = ("--layers", "3", "--multipliers", "1", "--limit", "6", "--split", "test")
    for home, engine in (("fast", "fast"), ("slow", "reference")):
        done = console_script(*ask, *how, "--home", home, "--engine", engine, cwd=folder)
        assert done.returncode == 0, done.stderr
    fast, slow = rows(folder / "fast", "measurement"), rows(folder / "slow", "measurement")
    assert [row[:4] for row in fast] == [row[:4] for row in slow]
    assert max(abs(a[4] - b[4]) for a, b in zip(fast, slow, strict=True)) < 3e-5 * 20
