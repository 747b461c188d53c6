"""The benchmark of analyses: its made-up warehouse is sound, and every analysis is asked."""

from __future__ import annotations

from pathlib import Path

import pytest

from analysis.catalog import analyses
from analysis.run import check
from benchmarks.analyses import PER_UNIT, ask, make, table
from warehouse.connect import connect


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("made") / "home"
    assert make(home, 1) == 4 * PER_UNIT  # two models and two concepts at least
    return home


def test_the_made_up_warehouse_passes_every_check(home: Path) -> None:
    with connect(home) as connection:
        assert {checked.analysis.name: checked.n_rows for checked in check(connection)} == {
            name: 0 for name, analysis in analyses().items() if analysis.topic == "checks"
        }


def test_it_has_what_real_ones_have(home: Path) -> None:
    with connect(home) as connection:
        roles = connection.execute(
            "select role, count(*), count(distinct method) from vector group by role order by role"
        ).fetchall()
        best = connection.execute("select layer, cross_fitted from best_layer").fetchall()
    assert roles == [("fitted", 24, 2), ("null", 160, 2), ("resample", 80, 1)]
    assert [cross_fitted for _, cross_fitted in best] == [False] * 8
    took = ask(home, "steerability")
    assert took["rows"] == 2 * 2 * (30 + 2 * 11 + 2)


def test_the_table_names_the_slow_and_what_cannot_be_asked() -> None:
    found = {
        "measurements": [500_000, 5_000_000],
        "analyses": {
            "quick": [{"seconds": 0.1, "processor": 0.1, "rows": 3}] * 2,
            "slow": [{"seconds": s, "processor": s, "rows": 3} for s in (0.6, 6.0)],
            "odd": [{"fault": "needs a layer"}] * 2,
        },
    }
    lines = table(found).splitlines()
    assert lines[1].split()[0] == "slow"
    assert lines[1].endswith("1.00  over")
    assert "0.00" in lines[2]
    assert lines[3].endswith("needs a layer")
