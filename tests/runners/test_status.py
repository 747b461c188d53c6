"""`steerhouse status` where there is nothing to tell."""

from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner

from runners.commands import status
from specs.faults import Refused
from specs.settings import Settings
from warehouse.migrate import migrate


def test_a_warehouse_without_runs_says_how_to_begin(tmp_path: Path) -> None:
    migrate(tmp_path)
    done = CliRunner().invoke(status, [], obj=Settings(home=tmp_path))
    assert done.exit_code == 0
    assert "nothing was run yet; `steerhouse run quickstart`" in done.stderr


def test_an_experiment_that_was_not_run_is_named(tmp_path: Path) -> None:
    migrate(tmp_path)
    refused = CliRunner().invoke(status, ["mine"], obj=Settings(home=tmp_path)).exception
    assert isinstance(refused, Refused)
    assert "'mine' has not been run here; run so far: none yet" in refused.faults[0]
