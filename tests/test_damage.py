"""Damage through the command: planned, measured, killed, resumed, asked again, forgotten."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from analysis.catalog import checks
from tests.analysis.conftest import rows
from tests.command import steerhouse
from tests.experiments import ask, quick
from warehouse import queries
from warehouse.connect import connect
from warehouse.health import check as check_warehouse

SPEC = """text_sets: [mine]
layers: [2, 3]
splits: [test]
limit: 8
nulls: {random: 2}
"""
TEXTS = [
    f"You would find {word} in the garden , would you not ?" for word in "abcdefghijklmnopqrst"
]


def text_set(folder: Path, texts: list[str] = TEXTS) -> None:
    path = folder / "specs" / "text_sets" / "mine.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("source: {file: mine.jsonl, column: words}\nmax_tokens: 12\n")
    lines = [f'{{"words": "{text}"}}' for text in texts]
    path.with_name("mine.jsonl").write_text("\n".join(lines))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("damage")
    text_set(folder)
    done = quick(folder, "hurt", SPEC)
    assert done.returncode == 0, done.stderr
    assert "160 damages of a text written" in done.stderr
    for name in ("steerability", "damage_curve", "equal_damage"):
        assert f"next: steerhouse analyse {name} --experiment hurt" in done.stderr
    return folder


def damage(folder: Path) -> list[tuple[Any, ...]]:
    return ask(folder, "from damage order by all")


def test_every_reported_vector_and_its_random_nulls_have_damage(folder: Path) -> None:
    counts = ask(
        folder,
        "select method, role, layer, multiplier, count(*) from text_damage group by all order by all",
    )
    assert sum(row[-1] for row in counts) == 160
    assert {row[:3] for row in counts if row[1] == "fitted"} == {
        ("mean_difference", "fitted", 2),
        ("mean_difference", "fitted", 3),
    }
    assert {row[3] for row in counts} == {-1.0, 1.0}
    # Planted: the concept's direction is read where an answer is due, and nowhere in a text; a
    # random direction of that length is read by everything.
    largest = "select max(kl) from text_damage where role = 'fitted'"
    smallest = "select min(kl) from text_damage where role = 'null'"
    assert ask(folder, largest)[0][0] < 1e-5
    assert ask(folder, smallest)[0][0] > 1e-3
    assert ask(folder, "select distinct n_tokens, scope, text_set from text_damage") == [
        (11, "all", "mine")
    ]


@pytest.mark.slow
def test_numbers_are_those_of_the_reference_engine(folder: Path, tmp_path: Path) -> None:
    text_set(tmp_path)
    done = quick(tmp_path, "hurt", SPEC, "--engine", "reference")
    assert done.returncode == 0, done.stderr
    pairs = list(zip(damage(folder), damage(tmp_path), strict=True))
    for fast, slow in pairs:
        assert fast[:5] == slow[:5]
        assert fast[5:] == pytest.approx(slow[5:], abs=5e-6)
    assert max(fast[5] for fast, _ in pairs) > 1e-3
    assert ask(folder, "select min(cross_entropy) > 0.1 from text_baseline") == [(True,)]


def test_asked_again_nothing_is_done_and_nothing_is_missing(folder: Path) -> None:
    before = damage(folder)
    again = quick(folder, "hurt", SPEC)
    assert "everything is there already" in again.stderr
    assert damage(folder) == before
    assert ask(
        folder, "select sum(n_missing), sum(n_asked) from coverage where split = 'text'"
    ) == [(0, 160)]
    with connect(folder / "data") as connection:
        status = queries.rows(connection, "status", experiments=None)
    assert ("hurt", "reference", "damage on mine", 3, 160, 160, 0, 0) in status


def test_the_analyses_answer_and_the_checks_find_nothing(folder: Path) -> None:
    with connect(folder / "data") as connection:
        for check in checks():
            assert rows(connection, check.name) == [], check.name
        curve = rows(connection, "damage_curve", experiment="hurt")
        assert len(curve) == 4
        assert {row["complete"] for row in curve} == {True}
        assert {row["random_n"] for row in curve} == {0, 2}
        equal = rows(connection, "equal_damage", levels="[0.001]")
        assert {row["text_set"] for row in equal} == {"mine"}
    assert [line.found for line in check_warehouse(folder / "data") if line.fault] == []


@pytest.mark.slow
def test_killed_in_the_middle_it_goes_on_there(folder: Path, tmp_path: Path) -> None:
    text_set(tmp_path)
    (tmp_path / "specs" / "experiments").mkdir()
    spec = folder / "specs" / "experiments" / "hurt.yaml"
    (tmp_path / "specs" / "experiments" / "hurt.yaml").write_text(spec.read_text())
    planned = steerhouse("--specs", "specs", "--home", "data", "run", "hurt", "--dry-run", cwd=tmp_path)  # fmt: skip
    # 1 vector at 2 layers, 2 nulls at 1 layer, 2 multipliers.
    assert "damage on 20 text(s), about 160 to ask for" in planned.stderr
    # The process dies when its second block of texts is about to be staged.
    script = """
import os, signal, sys
from runners.damage.step import DamageStep
real, kept = DamageStep._keep, []
def keep(*args):
    if kept: os.kill(os.getpid(), signal.SIGKILL)
    kept.append(1); real(*args)
DamageStep._keep = keep
from steerhouse import main
sys.argv = ["steerhouse", "--specs", "specs", "--home", "data", "run", "hurt"]
main()
"""
    killed = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, env={**os.environ}, capture_output=True, check=False)  # fmt: skip
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    again = steerhouse("--specs", "specs", "--home", "data", "run", "hurt", cwd=tmp_path)
    assert again.returncode == 0, again.stderr
    assert "160 asked, 128 already there, 32 to measure" in again.stderr
    assert damage(tmp_path) == damage(folder)


@pytest.mark.slow
def test_an_edited_text_is_another_set_and_forgetting_takes_both(tmp_path: Path) -> None:
    few = "text_sets: [mine]\nlayers: [3]\nsplits: [test]\nlimit: 4\n"
    text_set(tmp_path, TEXTS[:3])
    assert quick(tmp_path, "hurt", few).returncode == 0
    text_set(tmp_path, [*TEXTS[:2], "You would not ."])
    assert quick(tmp_path, "hurt", few).returncode == 0
    assert ask(tmp_path, "select count(*), count(distinct run_id) from damage") == [(12, 2)]
    names = ask(tmp_path, "select distinct text_set from text_damage order by all")
    assert names == [("mine",), ("mine@1",)]
    runs = [run for (run,) in ask(tmp_path, "select distinct run_id from damage")]
    gone = steerhouse("--home", "data", "warehouse", "forget", *(w for r in runs for w in ("--run", r)), "--yes", cwd=tmp_path)  # fmt: skip
    assert gone.returncode == 0, gone.stderr
    for table in ("damage", "text_baseline"):
        assert ask(tmp_path, f"select count(*) from {table}") == [(0,)]
    assert ask(tmp_path, "select count(*) > 0 from measurement") == [(True,)]


def test_check_finds_the_faults_of_a_text_set(tmp_path: Path) -> None:
    path = tmp_path / "specs" / "text_sets" / "mine.yaml"
    path.parent.mkdir(parents=True)
    path.write_text("source: {file: none.csv}\n")
    done = steerhouse("--specs", "specs", "check", cwd=tmp_path)
    assert done.returncode == 1
    assert "there is no file" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_run_refuses_text_sets_before_it_begins(tmp_path: Path) -> None:
    text_set(tmp_path, [])
    asked = ("run", "--concept", "kind", "--model", "reference")
    for name, fault in (("mien", "did you mean 'mine'"), ("mine", "no column 'words'")):
        done = steerhouse("--specs", "specs", *asked, "--text-set", name, cwd=tmp_path)
        assert done.returncode == 1
        assert fault in done.stderr
        assert "Traceback" not in done.stderr
    assert not (tmp_path / "data").exists()
