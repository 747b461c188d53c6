"""`steerhouse import caa` in this process, and what its warehouse holds then."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click.testing
import duckdb

from tests.runners.caa_folder import answered, name, put


def bring(folder: Path, *options: str) -> click.testing.Result:
    from steerhouse import cli

    home = folder.parent / "home"
    args = ["--home", str(home), "import", "caa", str(folder), *options]
    return click.testing.CliRunner().invoke(cli, args, obj=None)


def imported(folder: Path, *options: str) -> str:
    done = bring(folder, *options)
    assert done.exit_code == 0, done.output
    return done.stderr


def refused(folder: Path, *options: str) -> str:
    """Import what must be refused whole; return the lines."""
    before = kept(folder)
    done = bring(folder, *options)
    if not isinstance(done.exception, SystemExit):
        raise AssertionError(done.output) from done.exception
    assert done.exit_code == 1
    assert "Traceback" not in done.output
    assert kept(folder) == before
    return "\n".join(line for line in done.stderr.splitlines() if line.startswith("Error: "))


def kept(folder: Path) -> bytes | None:
    file = folder.parent / "home" / "warehouse.duckdb"
    assert not list((folder.parent / "home").rglob("*.parquet"))
    return file.read_bytes() if file.exists() else None


def ask(folder: Path, query: str) -> list[tuple[Any, ...]]:
    file = folder.parent / "home" / "warehouse.duckdb"
    with duckdb.connect(str(file), read_only=True) as connection:
        return connection.execute(query).fetchall()


def spoil(folder: Path, change: dict[str, Any], layer: int = 3, multiplier: str = "1.0") -> None:
    """Change the second row of one result file."""
    rows = answered(layer, float(multiplier))
    rows[1] |= change
    rows[1] = {key: value for key, value in rows[1].items() if value is not ...}
    put(folder, f"results/tea/{name(layer, multiplier)}", rows)
