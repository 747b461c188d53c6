from __future__ import annotations

import re
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from warehouse import definitions
from warehouse.connect import connect
from warehouse.migrate import migrate

VIEWS = """
sweep item_slope steerability propensity_curve best_layer bias generalisation side_effect
method_comparison coverage concept_card slope_floor
""".split()


@pytest.fixture
def empty(tmp_path: Path) -> Path:
    migrate(tmp_path)
    return tmp_path


def test_all_views_of_the_design_are_there(empty: Path) -> None:
    assert set(VIEWS) <= set(definitions.view_names())
    with connect(empty) as connection:
        for view in VIEWS:
            assert connection.execute(f"from {view}").fetchall() == []
        assert connection.execute("from item_slope_within(0.5)").fetchall() == []


def test_every_view_file_is_in_the_order_and_makes_its_view() -> None:
    folder = files("warehouse") / "views"
    names = {entry.name[:-4] for entry in folder.iterdir() if entry.name.endswith(".sql")}
    assert names == set(definitions.in_order())
    for name in names:
        made = (folder / f"{name}.sql").read_text()
        assert f"create view {name} as" in made or f"create macro {name}(" in made


def test_every_table_view_and_column_has_a_comment(empty: Path) -> None:
    queries = {
        "tables": "select table_name, comment from duckdb_tables() where {}",
        "views": "select view_name, comment from duckdb_views() where {}",
        "columns": "select table_name || '.' || column_name, comment from duckdb_columns() where {}",
        "macros": "select function_name, comment from duckdb_functions() where {}"
        " and function_name like 'item_slope%'",
    }
    with connect(empty) as connection:
        for kind, query in queries.items():
            mine = query.format("database_name = 'warehouse' and not internal")
            found = connection.execute(mine).fetchall()
            assert found
            assert [name for name, comment in found if not comment] == [], kind


def test_the_glossary_has_no_word_that_nothing_uses(empty: Path) -> None:
    with connect(empty) as connection:
        used = connection.execute("select distinct column_name from duckdb_columns()").fetchall()
    assert set(definitions.glossary()) <= {name for (name,) in used}
    assert list(definitions.glossary()) == sorted(definitions.glossary())


def test_one_line_comments_name_the_grain(empty: Path) -> None:
    with connect(empty) as connection:
        found = connection.execute(
            "select view_name, comment from duckdb_views() where database_name = 'warehouse'"
            " union all select table_name, comment from duckdb_tables()"
            " where database_name = 'warehouse'"
        ).fetchall()
    for relation, comment in found:
        assert re.search(r"One row(\.$| per )", comment), relation


def test_the_grain_of_every_view_holds(simple: Any) -> None:
    """What a comment calls one row per ... is unique in a world with two runs."""
    simple.vector("w", ("d", "base"), method="pca")
    simple.run("r2", "e", "w")
    simple.lines("r2", 3, {"i1": 1.0, "i2": 4.0}, at_zero=0.5)
    simple.ingest()
    with connect(simple.home) as connection:
        views = connection.execute(
            "select view_name, comment from duckdb_views() where database_name = 'warehouse'"
        ).fetchall()
        for view, comment in views:
            key = re.findall(r"One row per ([a-z_, ]+)", comment)[0]
            n, distinct = connection.execute(
                f"select count(*), count(distinct ({key},)) from {view}"
            ).fetchall()[0]
            assert n == distinct, view


def test_sql_is_lowercase() -> None:
    for name, sql in definitions.sources():
        if name.startswith("views/"):
            bare = re.sub(r"--.*|'[^']*'", "", sql)
            assert bare == bare.lower(), name
