from __future__ import annotations

import re
from pathlib import Path

import duckdb
import pytest

from analysis import catalog
from analysis.catalog import Analysis, analyses
from analysis.parameters import bound
from warehouse.faults import WarehouseRefused

ALL = list(analyses().values())
FOLDER = Path(catalog.__file__).parent
WORDS = (
    "select from where group having order by join left inner anti on using union all with as case "
    "when then else end and or not in is null over partition window filter distinct between exists"
).split()


def code(analysis: Analysis) -> str:
    """Return the SQL without comments and strings."""
    return re.sub(r"--[^\n]*|'[^']*'", "", analysis.sql)


def test_every_sql_file_is_an_analysis() -> None:
    assert {analysis.path for analysis in ALL} == {
        str(path.relative_to(FOLDER.parent)) for path in FOLDER.rglob("*.sql")
    }
    assert {"reliability", "checks"} <= {analysis.topic for analysis in ALL}


@pytest.mark.parametrize("analysis", ALL, ids=lambda a: a.name)
def test_header_equals_what_is_bound(
    analysis: Analysis, connection: duckdb.DuckDBPyConnection
) -> None:
    statements = connection.extract_statements(analysis.sql)
    assert len(statements) == 1
    assert statements[0].named_parameters == {p.name for p in analysis.parameters}
    relation = connection.sql(analysis.sql, params=bound(connection, analysis, {}))
    assert relation.columns == [column.name for column in analysis.columns]
    assert "HUGEINT" not in map(str, relation.types)
    assert all(c.meaning for c in analysis.columns)


@pytest.mark.parametrize("analysis", ALL, ids=lambda a: a.name)
def test_style(analysis: Analysis) -> None:
    sql = code(analysis)
    shouted = [word for word in re.findall(r"\b[A-Z]{2,}\b", sql) if word.lower() in WORDS]
    assert not shouted
    assert re.search(r"\norder by\b[^()]*(\([^()]*\)[^()]*)*$", sql.rstrip())
    assert not re.search(r"[ \t]\n|\t", analysis.sql)
    assert analysis.sql.endswith("\n")
    assert max(len(line) for line in analysis.sql.splitlines() if not line.startswith("-- ")) <= 100
    assert analysis.question.endswith("?")
    assert analysis.grain
    assert analysis.source


@pytest.mark.parametrize("analysis", ALL, ids=lambda a: a.name)
def test_every_question_has_the_filters_and_says_what_is_incomplete(analysis: Analysis) -> None:
    parameters = [parameter.name for parameter in analysis.parameters]
    columns = [column.name for column in analysis.columns]
    if analysis.topic == "checks":
        assert not parameters
    else:
        assert parameters[:4] == ["experiment", "model", "concept", "method"]
        assert "complete" in columns
        assert any(name.startswith("n_multipliers") for name in columns)


def test_facts_never_meet_themselves_or_names() -> None:
    for analysis in ALL:
        sql = code(analysis)
        assert len(re.findall(r"\bfrom measurement\b|\bjoin measurement\b", sql)) <= 3
        assert "join measurement" not in sql
        if analysis.topic != "checks":
            assert "from measurement" not in sql


GOOD = """-- question: Is it so, and
--   is it long?
-- grain: run
-- source: nowhere
-- params:
--   filters
--   layer  smallint  required  the layer
--   range  double    1.5       the range
-- columns:
--   a  first, with a colon: here
--     and more
-- further columns:
--   b  second

select 1 as a, 2 as b
order by a
"""


def test_a_header_is_read_whole() -> None:
    found = catalog.parse("topic", "name", GOOD)
    assert found.question == "Is it so, and is it long?"
    assert [p.name for p in found.parameters][3:] == ["method", "layer", "range"]
    assert [p.default for p in found.parameters][4:] == [None, "1.5"]
    assert [(c.name, c.meaning, c.further) for c in found.columns] == [
        ("a", "first, with a colon: here and more", False),
        ("b", "second", True),
    ]
    assert found.header.startswith("question: Is it so")


@pytest.mark.parametrize(
    "broken",
    [
        GOOD.replace("-- columns:", "-- colums:"),
        GOOD.replace("-- grain: run\n-- source: nowhere\n", "-- source: nowhere\n-- grain: run\n"),
        GOOD.replace("-- grain: run", "-- grain run"),
    ],
)
def test_a_broken_header_is_named(broken: str) -> None:
    with pytest.raises(ValueError, match=r"analysis/topic/name\.sql"):
        catalog.parse("topic", "name", broken)


def test_an_unknown_name_gets_the_nearest() -> None:
    with pytest.raises(WarehouseRefused) as refusal:
        catalog.get("sterability")
    assert refusal.value.faults == (
        "there is no analysis 'sterability'; `steerhouse analyse --list` shows them; "
        "did you mean 'steerability'?",
    )
