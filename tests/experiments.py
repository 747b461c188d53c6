"""Experiments in a folder of their own, and what their warehouse says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb

from tests.command import steerhouse
from tests.empty_warehouse import place


def ask(folder: Path, query: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(folder / "data" / "warehouse.duckdb"), read_only=True) as connection:
        return connection.execute(query).fetchall()


def quick(folder: Path, name: str, text: str, *more: str) -> Any:
    """Write an experiment over the reference model and run it in a home of its own."""
    path = folder / "specs" / "experiments" / f"{name}.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("models: [reference]\nconcepts: [kind]\nmultipliers: [-1, 0, 1]\n" + text)
    place(folder / "data")
    return steerhouse("--specs", "specs", "--home", "data", "run", name, *more, cwd=folder)
