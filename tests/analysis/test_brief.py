"""What a brief table shows where runs differ in what it usually leaves out."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import duckdb
import pytest
from click.testing import CliRunner

from analysis.catalog import analyses, get
from analysis.commands import analyse

BRIEF = ("steerability", "propensity_curve", "slope_window")


def head(home: Path, *args: str) -> list[str]:
    done = CliRunner().invoke(analyse, args, obj=SimpleNamespace(home=home))
    assert done.exit_code == 0, done.output
    return done.stdout.splitlines()[0].split()


def second_run(connection: duckdb.DuckDBPyConnection, **changes: str) -> None:
    """Copy the fitted runs of concept0 with some columns changed, measurements and all."""
    changed = ", ".join(f"{value} as {name}" for name, value in changes.items())
    connection.execute(f"""
        create temp table chosen as
        select run_id from run_card where concept = 'concept0' and role = 'fitted';
        insert into run by name
        select * replace (run_id || 'x' as run_id{", " + changed if changed else ""})
        from run where run_id in (from chosen);
        insert into measurement by name
        select * replace (run_id || 'x' as run_id) from measurement where run_id in (from chosen);
        insert into cell by name
        select * replace (run_id || 'x' as run_id) from cell where run_id in (from chosen);
    """)


@pytest.mark.parametrize("name", BRIEF)
def test_runs_that_differ_in_scope_only_show_it(
    writable: duckdb.DuckDBPyConnection, tmp_path: Path, name: str
) -> None:
    second_run(writable, scope="'decision'")
    writable.close()
    usual = [column.name for column in get(name).columns if not column.further]
    if name == "steerability":
        usual.append("degenerate")  # as layer 0 is
    found = head(tmp_path, name, "--concept", "concept0")
    assert found == [*usual[:4], "scope", *usual[4:]]
    assert head(tmp_path, name, "--concept", "concept1") == usual


def test_a_null_is_a_value(writable: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    writable.execute("""
        update vector set seed = null where vector_id in
        (select vector_id from run_card where concept = 'concept1' and role = 'fitted')
    """)
    writable.close()
    assert "seed" in head(tmp_path, "steerability")
    assert "seed" not in head(tmp_path, "steerability", "--concept", "concept1")


@pytest.mark.parametrize("name", BRIEF)
def test_runs_that_differ_in_nothing_shown_show_their_ids(
    writable: duckdb.DuckDBPyConnection, tmp_path: Path, name: str
) -> None:
    second_run(writable)
    writable.close()
    assert "run_id" in head(tmp_path, name, "--concept", "concept0")
    assert "run_id" not in head(tmp_path, name, "--concept", "concept1")


def test_every_analysis_has_a_brief_table(made_home: tuple[Path, object]) -> None:
    for analysis in analyses().values():
        if all(parameter.default is not None for parameter in analysis.parameters):
            assert head(made_home[0], analysis.name)


def test_degenerate_vectors_are_marked_where_there_are_some(made_home: tuple[Path, object]) -> None:
    for name in ("steerability", "damage_curve", "equal_damage"):
        assert head(made_home[0], name, "--param", "layer=0")[-1] == "degenerate"
        assert "degenerate" not in head(made_home[0], name, "--param", "layer=1")
    assert "degenerate" in {column.name for column in get("effects").columns}
