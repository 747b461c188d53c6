from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from analysis.run import answer
from tests.analysis.synthetic import fill
from tests.analysis.synthetic_damage import fill_damage
from tests.analysis.tables import warehouse
from tests.analysis.truth import Shape, Synthetic
from tests.empty_warehouse import place

Rows = list[dict[str, Any]]
Ask = Callable[..., Rows]


@pytest.fixture(scope="session")
def made_home(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Synthetic]:
    home = tmp_path_factory.mktemp("made")
    with duckdb.connect(str(place(home))) as connection:
        made = fill(connection, Shape())
        fill_damage(connection, made)
        return home, made


@pytest.fixture(scope="session")
def made(made_home: tuple[Path, Synthetic]) -> Synthetic:
    return made_home[1]


@pytest.fixture(scope="session")
def connection(made_home: tuple[Path, Synthetic]) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(str(made_home[0] / "warehouse.duckdb"), read_only=True) as connection:
        yield connection


@pytest.fixture
def writable(
    made_home: tuple[Path, Synthetic], tmp_path: Path
) -> Iterator[duckdb.DuckDBPyConnection]:
    """A copy of the made-up warehouse that a test may spoil."""
    shutil.copy(made_home[0] / "warehouse.duckdb", tmp_path)
    with duckdb.connect(str(tmp_path / "warehouse.duckdb")) as connection:
        yield connection


@pytest.fixture
def empty() -> Iterator[duckdb.DuckDBPyConnection]:
    """A warehouse of its own that holds nothing."""
    with warehouse() as connection:
        yield connection


def rows(connection: duckdb.DuckDBPyConnection, name: str, **given: Any) -> Rows:
    relation = answer(connection, name, given)
    return [dict(zip(relation.columns, row, strict=True)) for row in relation.fetchall()]


@pytest.fixture(scope="session")
def ask(connection: duckdb.DuckDBPyConnection) -> Ask:
    """Return the rows of an analysis of the made-up warehouse, as dictionaries."""
    return lambda name, **given: rows(connection, name, **given)
