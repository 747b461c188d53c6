"""13,640 real answers of Llama-2-7b-chat to four behaviours: published nowhere but in the rows."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.command import steerhouse

CONCEPTS = ("envy-kindness", "greed-charity", "pride-humility", "sloth-diligence")
SHARES = """
select concept, layer, pow(corr(slope, positive_option), 2) as share
from item_slope_within({bound})
group by concept, layer
"""


@pytest.fixture(scope="module")
def home(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = shared / "results" / "caa_dynamic"
    if not folder.is_dir():
        pytest.skip(f"{folder} is absent")
    home = tmp_path_factory.mktemp("dynamic")
    done = steerhouse("--home", str(home), "import", "caa", str(folder), cwd=home)
    assert done.returncode == 0, done.stderr
    assert "12,400 measurements and 40 unsteered answers" in done.stderr
    return home


@pytest.fixture(scope="module")
def rows(home: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(str(home / "warehouse.duckdb"), read_only=True) as connection:
        yield connection


def shares(rows: duckdb.DuckDBPyConnection, bound: float) -> dict[tuple[str, int], float]:
    return {(c, layer): s for c, layer, s in rows.execute(SHARES.format(bound=bound)).fetchall()}


def analyse(home: Path, *args: str) -> list[dict[str, Any]]:
    done = steerhouse("--home", str(home), "analyse", *args, "--format", "json", cwd=home)
    assert done.returncode == 0, done.stderr
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


def test_all_of_it_is_there(rows: duckdb.DuckDBPyConnection) -> None:
    # at multiplier 0 the 31 files of a behaviour say one and the same
    assert rows.execute("select count(*), count(distinct layer) from sweep").fetchall() == [
        (13_640, 31)
    ]
    assert rows.execute("select sum(n_missing) from coverage").fetchall() == [(0,)]


def test_the_window_decides_how_much_is_the_letter(rows: duckdb.DuckDBPyConnection) -> None:
    wide, narrow = shares(rows, 5), shares(rows, 1.5)
    assert [round(wide[c, 13], 2) for c in CONCEPTS] == [0.06, 0.11, 0.16, 0.42]
    assert [round(narrow[c, 13], 2) for c in CONCEPTS] == [0.99, 0.93, 0.92, 0.98]
    view = dict(rows.execute("select concept, letter_share from bias where layer = 13").fetchall())
    assert view.pop("pride-humility") is None  # one item with A positive says nothing
    assert view == pytest.approx({c: narrow[c, 13] for c in view})


def test_from_layer_14_on_envy_is_the_letter(rows: duckdb.DuckDBPyConnection) -> None:
    wide = shares(rows, 5)
    assert min(wide["envy-kindness", layer] for layer in range(14, 31)) >= 0.9


def test_letters_of_the_positive_option(rows: duckdb.DuckDBPyConnection) -> None:
    first = rows.execute(
        "select concept, count(distinct item_id) filter (where positive_option = 0), "
        "count(distinct item_id) from item_slope group by concept order by concept"
    ).fetchall()
    assert first == [(c, n, 10) for c, n in zip(CONCEPTS, (5, 2, 1, 4), strict=True)]


def test_answer_mass_falls_with_the_multiplier(home: Path) -> None:
    found = analyse(home, "answer_mass", "--concept", "envy-kindness", "--param", "layer=13")
    mass = {row["multiplier"]: row["mean_answer_logmass"] for row in found}
    assert sorted(mass) == list(range(-5, 6))
    assert all(mass[m] > -0.15 for m in range(-2, 4))
    assert mass[5] == pytest.approx(-4.751, abs=1e-3)
    assert mass[-5] == pytest.approx(-2.939, abs=1e-3)


def test_best_layers_are_marked(home: Path) -> None:
    found = analyse(home, "best_layer")
    assert [row["concept"] for row in found] == list(CONCEPTS)
    assert all(row["cross_fitted"] and row["n_candidates"] == 31 for row in found)
    assert all(row["test_steerability"] <= row["test_best_steerability"] + 1e-9 for row in found)
    assert {row["nulls"] for row in analyse(home, "steerability", "--param", "layer=best")} == {
        "no null"
    }


def test_verdicts(home: Path) -> None:
    found = {row["concept"]: row for row in analyse(home, "verdict")}
    assert sorted(found) == list(CONCEPTS)
    assert {row["nulls"] for row in found.values()} == {"no null"}
    assert {row["layer_by"] for row in found.values()} == {"cross_fitted"}
    pride = found["pride-humility"]
    assert pride["verdict"] == "cannot tell"
    assert pride["because"] == "positive option first in 1 questions, second in 9"
    assert pride["letter_share"] is None
    assert pride["n_questions"] == 10
    best = {row["concept"]: row for row in analyse(home, "best_layer")}
    for concept, row in found.items():  # one rule, whoever applies it
        expected = pytest.approx(best[concept]["test_steerability"], rel=1e-12)
        assert row["steerability"] == expected
        layers = [row["layer"], *([row["other_layer"]] if row["other_layer"] else [])]
        assert layers == best[concept]["reported_layers"]


def test_checks_find_nothing(home: Path) -> None:
    done = steerhouse("--home", str(home), "analyse", "checks", cwd=home)
    assert done.returncode == 0, done.stdout


def test_letter_shares_have_intervals_and_one_item_is_too_few(home: Path) -> None:
    asked = ("bias_shares", "--param", "multiplier_bound=5")
    found = {
        (row["concept"], row["layer"]): row
        for row in analyse(home, *asked)
        if (row["kind"], row["factor"]) == ("sequential", "letter")
    }
    envy = [found["envy-kindness", layer] for layer in range(14, 31)]
    assert all(row["share"] >= 0.95 and row["p"] < 0.05 for row in envy)
    # ten questions: their letters explain at least this much, layer 14's the least surely
    assert envy[0]["share_low"] == pytest.approx(0.892, abs=0.002)
    assert all(row["share_low"] >= 0.95 for row in envy[1:])
    assert found["envy-kindness", 13]["no_interval"] == "p is not below 0.05"
    pride = [found["pride-humility", layer] for layer in range(31)]
    assert {row["share"] for row in pride} == {None}
    assert {row["undetermined"] for row in pride} == {
        "1 question where the positive option stands first"
    }
