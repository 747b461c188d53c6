"""Where a command reads and writes: the three options that every command takes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Settings:
    """Folders of one invocation."""

    home: Path = Path("data")
    """Holds `datasets/`, `vectors/`, `staged/`, `reports/` and `warehouse.duckdb`."""
    specs: tuple[Path, ...] = ()
    """Spec folders of the user, searched before the shipped one."""
    sources: tuple[Path, ...] = ()
    """Local mirrors of Hub data sets: `<source>/<org>/<name>/<file>`."""
    plugins: tuple[Path, ...] = ()
    """Python files with methods of the user's own."""
