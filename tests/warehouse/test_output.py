from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq
import pytest

from warehouse import output
from warehouse.faults import WarehouseRefused
from warehouse.options import FORMATS, form_of

SQL = (
    "select 1 as n, 1 / 3.0 as share, 'a|b' as text, null as nothing, [1.5, 2] as list"
    " union all select 20, 'nan'::double, 'two\nlines', null, null"
)


@pytest.fixture
def connection() -> duckdb.DuckDBPyConnection:
    return duckdb.connect()


def _written(connection: Any, form: str, capfd: Any, sql: str = SQL) -> str:
    output.write(connection.sql(sql), form)
    captured = capfd.readouterr()
    assert captured.err == ""
    return str(captured.out)


def test_the_ending_of_out_says_the_format_where_nothing_else_does() -> None:
    assert form_of(None, None) == "table"
    assert form_of(None, Path("x.csv")) == "csv"
    assert form_of(None, Path("x.PARQUET")) == "parquet"
    assert form_of("json", Path("x.csv")) == "json"


def test_a_plain_table_is_aligned(connection: Any, capfd: Any) -> None:
    assert _written(connection, "table", capfd).splitlines() == [
        " n     share  text   nothing  list",
        "--  --------  -----  -------  ----------",
        " 1  0.333333  a|b    ·        [1.5, 2.0]",
        "20       nan  two    ·        ·",
        "              lines",
    ]


def test_markdown_escapes_what_would_break_it(connection: Any, capfd: Any) -> None:
    assert _written(connection, "markdown", capfd).splitlines() == [
        "| n | share | text | nothing | list |",
        "| ---: | ---: | --- | --- | --- |",
        "| 1 | 0.333333 | a\\|b | · | [1.5, 2.0] |",
        "| 20 | nan | two<br>lines | · | · |",
    ]


@pytest.mark.parametrize("form", ["table", "markdown"])
def test_the_word_null_is_not_taken_for_what_is_not_there(
    connection: Any, capfd: Any, form: str
) -> None:
    """A null vector has the role `null`; a vector without a seed has none."""
    *_, last = _written(connection, form, capfd, "select 'null' as role, null as seed").splitlines()
    assert last.split(" | " if form == "markdown" else None) in (
        ["null", "·"],
        ["| null", "· |"],
    )


def test_csv_holds_every_digit(connection: Any, capfd: Any) -> None:
    rows = list(csv.DictReader(io.StringIO(_written(connection, "csv", capfd))))
    assert float(rows[0]["share"]) == 1 / 3
    assert rows[1]["text"] == "two\nlines"
    assert rows[0]["nothing"] == ""


def test_json_is_valid_and_has_null_for_nan(connection: Any, capfd: Any) -> None:
    def refuse(text: str) -> None:
        raise AssertionError(text)

    rows = json.loads(_written(connection, "json", capfd), parse_constant=refuse)
    assert rows[0] == {"n": 1, "share": 1 / 3, "text": "a|b", "nothing": None, "list": [1.5, 2.0]}
    assert rows[1]["share"] is None


def test_parquet_keeps_types(connection: Any, tmp_path: Path) -> None:
    output.write(
        connection.sql("select 1::smallint as a, 0.5::float as b"), "parquet", tmp_path / "x"
    )
    table = pq.read_table(tmp_path / "x")
    assert [str(kind) for kind in table.schema.types] == ["int16", "float"]
    assert list(tmp_path.iterdir()) == [tmp_path / "x"]


def test_every_format_of_no_rows(connection: Any, capfd: Any) -> None:
    empty = "select 1 as a, 'x' as b where false"
    assert _written(connection, "table", capfd, empty).splitlines()[0] == "a  b"
    assert _written(connection, "csv", capfd, empty) == "a,b\n"
    assert json.loads(_written(connection, "json", capfd, empty)) == []


def test_parameters_are_kept(connection: Any, capfd: Any) -> None:
    for form in ("table", "csv"):
        output.write(connection.sql("select $a as a", params={"a": 7}), form)
        assert capfd.readouterr().out.split()[-1] == "7"


def test_times_with_a_zone_need_no_further_library(connection: Any, capfd: Any) -> None:
    assert "2026-" in _written(
        connection, "table", capfd, "select '2026-01-01 00:00:00+00'::timestamptz as t"
    )


def test_a_file_that_cannot_be_written_is_named(connection: Any, tmp_path: Path) -> None:
    for form in FORMATS:
        with pytest.raises(WarehouseRefused, match="nowhere/x: cannot be written"):
            output.write(connection.sql("select 1"), form, tmp_path / "nowhere" / "x")


class Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_screen_gets_200_rows_and_is_told_of_the_rest(
    connection: Any, monkeypatch: pytest.MonkeyPatch, capfd: Any
) -> None:
    screen = Screen()
    monkeypatch.setattr("sys.stdout", screen)
    wide = "repeat('x', 300)"
    output.write(connection.sql(f"select range as n, {wide} as w from range(1000)"), "table")
    text = screen.getvalue()
    assert text.count("x" * 300) == 200
    assert capfd.readouterr().err == "200 of 1000 rows shown; --format csv writes all\n"
    output.write(connection.sql("select '[bold]' as markup from range(200)"), "table")
    assert "[bold]" in screen.getvalue()
    assert capfd.readouterr().err == ""


def test_parquet_is_not_written_onto_a_screen(
    connection: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdout", Screen())
    with pytest.raises(WarehouseRefused, match="--out FILE"):
        output.write(connection.sql("select 1"), "parquet")
