"""The Slurm files to copy are valid bash, and ask for nothing that the command does not have."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner

from runners.commands import run

FILES = sorted((Path(__file__).resolve().parent.parent / "docs" / "slurm").glob("*.sbatch"))


def test_both_ways_have_a_file() -> None:
    assert [file.name for file in FILES] == ["models.sbatch", "steerhouse.sbatch"]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_bash_reads_it(file: Path) -> None:
    done = subprocess.run(["bash", "-n", str(file)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_its_options_are_those_of_run(file: Path) -> None:
    known = CliRunner().invoke(run, ["--help"]).output
    (command,) = re.findall(r"^ *(?:-- )?steerhouse (.*)$", file.read_text(), re.MULTILINE)
    asked = set(re.findall(r"(?<![\w/-])--[a-z-]+", command)) - {"--home"}
    assert asked
    assert all(option in known for option in asked)
