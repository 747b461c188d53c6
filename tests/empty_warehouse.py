"""An empty warehouse, made once for a process: to define its views takes longer than most tests."""

from __future__ import annotations

import functools
import shutil
import tempfile
from pathlib import Path

from warehouse import file, migrate


def place(home: Path) -> Path:
    """Copy an empty warehouse into a home that has none; return its path."""
    where = file.path(home)
    if not where.exists():
        home.mkdir(parents=True, exist_ok=True)
        shutil.copy(file.path(Path(_made().name)), where)
    return where


@functools.cache
def _made() -> tempfile.TemporaryDirectory[str]:
    folder = tempfile.TemporaryDirectory()
    migrate.migrate(Path(folder.name))
    return folder
