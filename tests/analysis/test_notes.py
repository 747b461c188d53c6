"""What stands on stderr beside an answer: why it is empty, how sure it is."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import duckdb
import pytest
from click.testing import CliRunner

from analysis.commands import analyse
from analysis.emptiness import ranges
from tests.analysis.synthetic import fill
from tests.analysis.truth import Shape, Synthetic
from warehouse.migrate import apply, migrate


def notes(home: Path, *args: str) -> list[str]:
    done = CliRunner().invoke(analyse, args, obj=SimpleNamespace(home=home))
    assert done.exit_code == 0, done.output
    return done.stderr.splitlines()


@pytest.fixture
def home(made_home: tuple[Path, Synthetic]) -> Path:
    return made_home[0]


def test_an_empty_answer_says_what_the_filters_match(home: Path) -> None:
    """Null vectors by name, as a user tries first: they are there, in another role."""
    (line,) = notes(home, "steerability", "--method", "random")
    assert line.startswith("no row for role fitted, split test: --method random matches ")
    assert line.endswith(" of role null on test at layer 1; --param role=null asks for them")


def test_what_an_empty_answer_says_to_ask_for_is_there(home: Path) -> None:
    how = ("--method", "random", "--param", "role=null")
    assert not any(line.startswith("no row") for line in notes(home, "steerability", *how))


def test_an_empty_answer_says_which_splits_and_layers_are_there(home: Path) -> None:
    (line,) = notes(home, "steerability", "--concept", "concept0", "--param", "layer=9")
    assert line.startswith("no row for role fitted, split test, layer 9: --concept concept0 match")
    assert "2 of role fitted on test at layer 0-2" in line
    assert "2 of role fitted on validation at layer 0-2" in line


def test_filters_that_fit_nothing_together_are_counted_alone(
    writable: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    writable.execute("insert into name values ('concept', 'elsewhere', 'unrun')")
    writable.close()
    (line,) = notes(tmp_path, "steerability", "--concept", "unrun", "--method", "mean_difference")
    assert "no run is matched by all filters at once" in line
    assert "--concept unrun matches 0, --method mean_difference matches 4" in line


def test_an_empty_warehouse_says_how_to_begin(tmp_path: Path) -> None:
    migrate(tmp_path)
    (line,) = notes(tmp_path, "steerability")
    assert line == "no row: nothing was run yet; `steerhouse run quickstart` is a first run"


def test_a_check_without_rows_is_well(home: Path) -> None:
    assert notes(home, "missing_measurements") == ["no row: which is well"]


def test_few_nulls_are_said(home: Path) -> None:
    """The rows without nulls are not counted: they say so themselves."""
    (line,) = [line for line in notes(home, "steerability") if "null vectors" in line]
    assert line.startswith("4 of 12 rows have fewer than 20 null vectors of a kind")


def test_enough_nulls_need_no_note(tmp_path: Path) -> None:
    with duckdb.connect(str(tmp_path / "warehouse.duckdb")) as connection:
        apply(connection)
        fill(connection, Shape(concepts=1, variants=("base",), random=20, label_shuffled=20))
    assert not [line for line in notes(tmp_path, "steerability") if "null vectors" in line]


@pytest.mark.parametrize(
    ("numbers", "text"), [([], ""), ([4], "4"), ([0, 1, 2], "0-2"), ([0, 2, 3, 7], "0,2-3,7")]
)
def test_ranges(numbers: list[int], text: str) -> None:
    assert ranges(numbers) == text
