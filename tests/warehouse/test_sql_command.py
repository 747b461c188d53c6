from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result

from warehouse.commands import sql
from warehouse.faults import WarehouseRefused


def _ask(home: Path, *arguments: str, stdin: str | None = None) -> Result:
    settings = SimpleNamespace(home=home)
    return CliRunner().invoke(sql, list(arguments), obj=settings, input=stdin)


def _line(result: Result) -> str:
    assert isinstance(result.exception, WarehouseRefused), result.output
    (line,) = result.exception.faults
    assert "\n" not in line
    assert result.stdout == ""
    return line


def test_a_question_and_nothing_else_on_stdout(simple: Any) -> None:
    simple.ingest()
    result = _ask(simple.home, "select item_id, slope from item_slope order by all")
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        "item_id  slope",
        "-------  -----",
        "i1           2",
        "i2          -1",
    ]
    assert result.stderr == ""


@pytest.mark.parametrize("form", ["csv", "json", "markdown"])
def test_formats(simple: Any, form: str) -> None:
    simple.ingest()
    result = _ask(simple.home, "select 7 as n", "--format", form)
    expected = {"csv": "n\n7\n", "markdown": "| n |\n| ---: |\n| 7 |\n"}
    if form == "json":
        assert json.loads(result.stdout) == [{"n": 7}]
    else:
        assert result.stdout == expected[form]


def test_parquet_as_bytes_or_file(simple: Any, tmp_path: Path) -> None:
    simple.ingest()
    piped = _ask(simple.home, "from run", "--format", "parquet")
    (tmp_path / "piped").write_bytes(piped.stdout_bytes)
    _ask(simple.home, "from run", "--format", "parquet", "--out", str(tmp_path / "file"))
    assert pq.read_table(tmp_path / "piped").equals(pq.read_table(tmp_path / "file"))


def test_a_question_from_a_file_or_stdin(simple: Any, tmp_path: Path) -> None:
    simple.ingest()
    file = tmp_path / "q.sql"
    file.write_text("-- how many\nselect count(*) as n from run;\n")
    for result in (_ask(simple.home, str(file)), _ask(simple.home, "-", stdin=file.read_text())):
        assert result.stdout.split() == ["n", "-", "1"]


@pytest.mark.parametrize(
    "query",
    ["show tables", "describe run", "summarize run", "explain select 1", "from run", "values (1)",
     "with a as (from run) from a", "pivot run on operator using count(*)",
     "pivot (from run) on scope in ('answer') using count(*)"],
)  # fmt: skip
@pytest.mark.parametrize("form", ["table", "csv", "json"])
def test_whatever_reads_is_a_question(simple: Any, query: str, form: str) -> None:
    simple.ingest()
    result = _ask(simple.home, query, "--format", form)
    assert result.exit_code == 0, result.exception
    assert result.stdout


@pytest.mark.parametrize(
    ("query", "line"),
    [
        ("selec 1", 'query:1:1: Parser Error: syntax error at or near "selec"'),
        (
            "select run_id,\n  nope from run",
            'query:2:3: Binder Error: Referenced column "nope" not',
        ),
        ("from runn", "query:1:6: Catalog Error: Table with name runn does not exist!"),
        ("select 'é' as x, fo(1)", "query:1:18: Catalog Error: Scalar Function with name fo"),
        ("select\n'a'::int", "query:2:4: Conversion Error: Could not convert string 'a' to INT32"),
        ("select error('boom')", "query: Invalid Input Error: boom"),
        ("select 1; select 2", "query: holds 2 statements; give one"),
        ("/* nothing */", "query: holds 0 statements; give one"),
        ("delete from run", "query: delete is not a question"),
        ("copy run to 'x'", "query: copy is not a question"),
        ("attach 'x' as y", "query: attach is not a question"),
        ("set threads = 1", "query: set is not a question"),
    ],
)
def test_a_wrong_question_is_one_line_with_its_place(simple: Any, query: str, line: str) -> None:
    simple.ingest()
    for form in ("table", "csv"):
        assert _line(_ask(simple.home, query, "--format", form)).startswith(line)


def test_a_wrong_file_is_named(simple: Any, tmp_path: Path) -> None:
    simple.ingest()
    file = tmp_path / "q.sql"
    assert "No such file" in _line(_ask(simple.home, str(file)))
    file.write_text("select 1,\n\nnope")
    assert _line(_ask(simple.home, str(file))).startswith(f"{file}:3:1: Binder Error")
    file.write_bytes(b"select '\xff'")
    assert _line(_ask(simple.home, str(file))) == f"{file}: is not UTF-8 at byte 8"
    assert _line(_ask(simple.home, "-", stdin="nope")).startswith("stdin:1:1: ")


def test_nothing_is_written_by_a_question(simple: Any) -> None:
    simple.ingest()
    before = simple.contents()
    _ask(simple.home, "with gone as (delete from run returning *) from gone")
    assert simple.contents() == before


def test_a_question_costs_under_a_second_of_cpu_and_no_heavy_import(simple: Any) -> None:
    simple.ingest()
    script = (
        "import sys, pathlib, types; from warehouse.commands import sql\n"
        "sql(['select 1 as one'], obj=types.SimpleNamespace(home=pathlib.Path(sys.argv[1])),"
        " standalone_mode=False)\n"
        "heavy = {'torch', 'pyarrow', 'pandas', 'numpy', 'rich', 'datasets'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    before = os.times()
    done = subprocess.run(
        [sys.executable, "-c", script, str(simple.home)],
        capture_output=True,
        text=True,
        check=False,
    )
    after = os.times()
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["one", "---", "1"]
    used = (
        after.children_user - before.children_user + after.children_system - before.children_system
    )
    assert used < 1
