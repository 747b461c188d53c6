from __future__ import annotations

from pathlib import Path

import pytest

from tests.bad_input.asking import GOOD, ROWS, write


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a working folder with one good concept."""
    (tmp_path / "specs" / "concepts").mkdir(parents=True)
    write(tmp_path, "concepts/tea.yaml", GOOD)
    write(tmp_path, "concepts/tea.csv", ROWS)
    monkeypatch.chdir(tmp_path)
    return tmp_path
