"""Warehouses and staged files that are damaged, newer or shared: nothing is lost."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import click.testing
import duckdb
import pytest

from tests.bad_input.asking import ADHOC, refused
from tests.command import STEERHOUSE, steerhouse


@pytest.fixture
def measured(place: Path) -> Path:
    """Return a folder whose warehouse holds a small run, and a copy of one staged file."""
    from steerhouse import cli

    args = ["--specs", "specs", *ADHOC, "--model", "reference"]
    done = click.testing.CliRunner().invoke(cli, args)
    assert done.exit_code == 0, done.output
    return place


def test_warehouse_of_a_newer_schema(measured: Path) -> None:
    path = measured / "data" / "warehouse.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute("update schema_migration set version = version + 100")
    for args in (("sql", "select 1"), (*ADHOC, "--model", "reference", "--limit", "2")):
        assert "upgrade steerhouse" in refused(*args)


def test_truncated_staged_file_is_set_aside_and_measured_again(measured: Path) -> None:
    shutil.rmtree(measured / "data")
    args = ("--specs", "specs", *ADHOC, "--model", "reference")
    staged = measured / "data" / "staged" / "x"
    staged.mkdir(parents=True)
    (staged / "test-00000.0123456789abcdef.parquet").write_bytes(b"PAR1 cut off")
    done = steerhouse(*args, cwd=measured)
    assert done.returncode == 0, done.stderr
    assert "Warning: " in done.stderr
    assert list((measured / "data" / "staged" / "refused").rglob("*.parquet"))


@pytest.mark.parametrize("key", ["/validation-", "/test-", "plan-"])
def test_a_file_damaged_in_the_run_ends_it_with_one_line(
    place: Path, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    """What was measured is missing then: exit code 1; the same command measures it again."""
    import warehouse.staged
    from steerhouse import cli

    own = warehouse.staged.stage

    def damaging(home: Path, name: str, relations: object) -> Path:
        path = own(home, name, relations)  # type: ignore[arg-type]
        if key in f"/{name}":
            path.write_bytes(path.read_bytes()[:-9])
        return path

    args = (*ADHOC, "--model", "reference", "--limit", "2")
    with monkeypatch.context() as context:
        context.setattr(warehouse.staged, "stage", damaging)
        line = refused(*args)
    assert "did not arrive in the warehouse" in line
    assert line.count("Error: ") == 1
    done = click.testing.CliRunner().invoke(cli, ["--specs", "specs", *args])
    assert done.exit_code == 0, done.output
    with duckdb.connect(str(place / "data" / "warehouse.duckdb"), read_only=True) as connection:
        ((missing, asked),) = connection.execute(
            "select sum(n_missing), sum(n_asked) from coverage"
        ).fetchall()
    assert missing == 0 < asked


def test_two_runs_at_once_measure_everything_once(place: Path) -> None:

    args = [str(STEERHOUSE), "--specs", "specs", *ADHOC, "--model", "reference"]
    both = [subprocess.Popen(args, cwd=place, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    told = [process.communicate()[1] for process in both]
    assert [process.returncode for process in both] == [0, 0], told
    with duckdb.connect(str(place / "data" / "warehouse.duckdb"), read_only=True) as connection:
        ((rows, distinct),) = connection.execute(
            "select count(*), count(distinct (run_id, item_id, layer, multiplier)) from measurement"
        ).fetchall()
    assert rows == distinct > 0
