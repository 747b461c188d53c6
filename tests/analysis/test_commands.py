from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from types import SimpleNamespace

import duckdb
import pytest
from click.testing import CliRunner, Result

from analysis.catalog import analyses, get
from analysis.commands import analyse
from tests.analysis.truth import Synthetic
from warehouse.faults import WarehouseRefused


@pytest.fixture(scope="session")
def home(made_home: tuple[Path, Synthetic]) -> Path:
    return made_home[0]


def run(home: Path, *args: str) -> Result:
    return CliRunner().invoke(analyse, args, obj=SimpleNamespace(home=home))


def test_csv_holds_every_column_and_row(home: Path, connection: duckdb.DuckDBPyConnection) -> None:
    done = run(home, "steerability", "--concept", "concept0", "--format", "csv")
    assert done.exit_code == 0, done.output
    found = list(csv.reader(io.StringIO(done.stdout)))
    assert found[0] == [column.name for column in get("steerability").columns]
    assert len(found) == 1 + 6
    assert "columns" not in done.stderr


def test_a_table_shows_the_first_columns_and_says_so(home: Path) -> None:
    done = run(home, "steerability", "--concept", "concept0")
    head = done.stdout.splitlines()[0].split()
    usual = [c.name for c in get("steerability").columns if not c.further]
    assert head == [*usual, "degenerate"]  # which a vector at layer 0 is
    n = len(get("steerability").columns)
    assert done.stderr.splitlines()[0] == (
        f"{len(head)} of {n} columns; --wide and other formats give all, "
        "`steerhouse analyse steerability --about` what they mean"
    )
    wide = run(home, "steerability", "--concept", "concept0", "--wide")
    assert len(wide.stdout.splitlines()[0].split()) == n
    assert "columns" not in wide.stderr


def test_parameters_and_several_names(home: Path) -> None:
    done = run(
        home, "propensity_curve", "--concept", "concept0", "--concept", "concept1",
        "--param", "layer=1", "--param", "split = validation", "--format", "json",
    )  # fmt: skip
    found = json.loads(done.stdout)
    assert {row["concept"] for row in found} == {"concept0", "concept1"}
    assert {(row["layer"], row["split"]) for row in found} == {(1, "validation")}


@pytest.mark.parametrize("form", ["csv", "json", "parquet", "markdown", "table"])
def test_out_writes_a_file_and_nothing_else(home: Path, tmp_path: Path, form: str) -> None:
    file = tmp_path / f"answer.{form}"
    done = run(home, "item_slopes", "--format", form, "--out", str(file))
    assert (done.exit_code, done.stdout) == (0, "")
    if form == "parquet":
        with duckdb.connect() as reader:
            found = reader.sql(f"select count(*), min(slope) from '{file}'").fetchall()
        assert found[0][0] == 540
    else:
        assert file.stat().st_size > 1000


@pytest.mark.parametrize("args", [["steerability"], ["item_slopes"], ["anti_steerable_items"]])
def test_rows_stay_ordered_on_their_way_out(
    home: Path, connection: duckdb.DuckDBPyConnection, args: list[str]
) -> None:
    from analysis.run import answer

    done = run(home, *args, "--format", "csv")
    found = list(csv.DictReader(io.StringIO(done.stdout)))
    expected = answer(connection, args[0])
    keys = [key for key in ("run_id", "layer", "item_id") if key in expected.columns]
    ordered = expected.project(", ".join(keys)).fetchall()
    assert [tuple(row[key] for key in keys) for row in found] == [
        tuple(map(str, row)) for row in ordered
    ]


def test_list(home: Path) -> None:
    lines = run(home, "--list").stdout.splitlines()
    assert lines[0] == "bias"
    assert "reliability" in lines
    for analysis in analyses().values():
        assert any(line.split() == [analysis.name, *analysis.question.split()] for line in lines)


def test_about(home: Path) -> None:
    text = run(home, "best_layer", "--about").stdout
    assert text.startswith("question: Which layer does the validation split choose")
    assert "experiments that asked for the run: names or globs, null = all" in text
    assert text.endswith("sql: analysis/reliability/best_layer.sql\n")


def test_an_unknown_name_is_refused(home: Path) -> None:
    done = run(home, "stearability")
    assert isinstance(done.exception, WarehouseRefused)
    assert done.exception.faults[0].endswith("did you mean 'steerability'?")


@pytest.mark.parametrize(
    ("args", "says"),
    [
        ([], "name an analysis; `steerhouse analyse --list` shows them"),
        (["steerability", "--param", "layer"], "'layer' is not NAME=VALUE"),
        (["checks", "--concept", "concept0"], "checks look at the whole warehouse"),
    ],
)
def test_usage(home: Path, args: list[str], says: str) -> None:
    done = run(home, *args)
    assert done.exit_code == 2
    assert says in done.stderr


def test_checks_of_a_whole_warehouse(home: Path) -> None:
    done = run(home, "checks")
    assert done.exit_code == 0
    lines = done.stdout.splitlines()
    assert len(lines) == sum(analysis.topic == "checks" for analysis in analyses().values())
    assert all(line.startswith("ok ") for line in lines)


def test_checks_of_a_spoilt_warehouse(writable: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    writable.execute("delete from measurement where layer = 2 and multiplier = 1")
    writable.close()
    done = run(tmp_path, "checks")
    assert done.exit_code == 1
    wrong = [line.split() for line in done.stdout.splitlines() if not line.startswith("ok ")]
    assert [(line[1], line[2]) for line in wrong] == [
        ("rows", "cell_counts"),
        ("rows", "missing_measurements"),
    ]
    assert done.stdout.count("-> steerhouse analyse missing_measurements") == 1
    done = run(tmp_path, "steerability")
    assert "4 of 12 rows are not complete: what was asked is not all there" in done.stderr


def test_without_a_warehouse(tmp_path: Path) -> None:
    done = run(tmp_path, "steerability")
    assert isinstance(done.exception, WarehouseRefused)
    assert "there is no warehouse yet" in done.exception.faults[0]
