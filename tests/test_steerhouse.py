"""The front door, through its real entry point."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.command import console_script, cpu_seconds


def test_help_names_every_command(tmp_path: Path) -> None:
    from steerhouse import VERBS

    done = console_script("--help", cwd=tmp_path)
    assert done.returncode == 0
    assert all(f"  {name} " in done.stdout for name in VERBS)


@pytest.mark.parametrize(
    "verb", ["check", "list", "show", "schema", "build", "run", "status", "sql", "analyse"]
)
def test_each_command_has_help_with_the_common_options(verb: str, tmp_path: Path) -> None:
    done = console_script(verb, "--help", cwd=tmp_path)
    assert done.returncode == 0
    assert all(option in done.stdout for option in ("--home", "--specs", "--sources"))


def test_help_is_instant(tmp_path: Path) -> None:
    assert min(cpu_seconds("--help", cwd=tmp_path) for _ in range(3)) < 0.5


def test_unknown_command_suggests(tmp_path: Path) -> None:
    done = console_script("rn", cwd=tmp_path)
    assert done.returncode == 2
    assert "Did you mean 'run'?" in done.stderr


def test_no_arguments_is_a_usage_error(tmp_path: Path) -> None:
    assert console_script(cwd=tmp_path).returncode == 2


def test_unknown_spec_is_one_line_and_exit_1(tmp_path: Path) -> None:
    done = console_script("build", "opennes", cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith("Error: ")
    assert "openness" in done.stderr
    assert "Traceback" not in done.stderr


def test_home_before_or_after_the_command_or_from_the_environment(tmp_path: Path) -> None:
    def asked_home(*args: str, **env: str) -> str:
        return console_script(*args, cwd=tmp_path, **env).stderr

    assert "one/warehouse.duckdb" in asked_home("--home", "one", "sql", "select 1")
    assert "two/warehouse.duckdb" in asked_home("sql", "select 1", "--home", "two")
    assert "six/warehouse.duckdb" in asked_home("sql", "select 1", STEERHOUSE_HOME="six")
    assert "one/warehouse.duckdb" in asked_home(
        "--home", "one", "sql", "select 1", STEERHOUSE_HOME="six"
    )
    assert "two/warehouse.duckdb" in asked_home(
        "sql", "select 1", "--home", "two", STEERHOUSE_HOME="six"
    )


def test_a_full_disk_is_one_line(tmp_path: Path) -> None:
    done = console_script("build", "kind", "--home", "/dev/full/x", cwd=tmp_path)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert done.stderr.startswith("Error: ")


def test_python_api_connects_read_only(tmp_path: Path) -> None:
    import steerhouse as front_door
    from warehouse.faults import WarehouseRefused

    with pytest.raises(WarehouseRefused, match="warehouse"):
        front_door.connect(tmp_path)
