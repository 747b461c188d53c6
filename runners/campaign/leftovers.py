"""Temporary files carry the process that writes them; those of processes that are gone go too."""

from __future__ import annotations

import shutil
from pathlib import Path

from warehouse.staged import is_running

FOLDERS = ("vectors", "activations", "effects", "saes", "approximators")
"""Where files are written under a temporary name first; `staged` looks after its own."""


def remove_leftovers(home: Path) -> list[Path]:
    """Delete what killed runs were writing in `home`, and return it; other runs may be going on."""
    found = [
        file
        for folder in FOLDERS
        for file in (home / folder).rglob("*.tmp")
        if (process := file.name.split(".")[-2]).isdigit() and not is_running(int(process))
    ]
    for file in found:
        if file.is_dir():
            shutil.rmtree(file, ignore_errors=True)
        else:
            file.unlink(missing_ok=True)
    return found
