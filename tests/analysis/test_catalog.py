from __future__ import annotations

import re
from pathlib import Path

import duckdb
import pytest

from analysis import catalog
from analysis.catalog import Analysis, analyses
from analysis.parameters import bound
from analysis.run import answer
from tests.analysis.conftest import rows
from warehouse.faults import WarehouseRefused

EVERY = list(analyses().values())
ALL = [analysis for analysis in EVERY if not analysis.is_model]
MODELS = [analysis for analysis in EVERY if analysis.is_model]
FOLDER = Path(catalog.__file__).parent
WORDS = (
    "select from where group having order by join left inner anti on using union all with as case "
    "when then else end and or not in is null over partition window filter distinct between exists"
).split()


def code(analysis: Analysis) -> str:
    """Return the SQL without comments and strings."""
    return re.sub(r"--[^\n]*|'[^']*'", "", query(analysis))


def query(analysis: Analysis) -> str:
    """Return the SQL that answers: of a model, the query over what it computed."""
    if not analysis.is_model:
        return analysis.sql
    return (FOLDER / catalog.MODELS / f"{analysis.name}.sql").read_text("utf-8")


def test_every_sql_file_is_an_analysis() -> None:
    assert {analysis.path for analysis in ALL} == {
        str(path.relative_to(FOLDER.parent))
        for path in FOLDER.rglob("*.sql")
        if path.parent.name != catalog.MODELS
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


@pytest.mark.parametrize("analysis", MODELS, ids=lambda a: a.name)
def test_a_model_answers_with_the_columns_of_its_header(
    analysis: Analysis, connection: duckdb.DuckDBPyConnection
) -> None:
    relation = answer(connection, analysis.name)
    assert relation.columns == [column.name for column in analysis.columns]
    assert "HUGEINT" not in map(str, relation.types)
    assert all(c.meaning for c in analysis.columns)
    ((n_rows,),) = relation.aggregate("count(*)").fetchall()
    assert n_rows
    assert not rows(connection, analysis.name, method="random")


@pytest.mark.parametrize("analysis", EVERY, ids=lambda a: a.name)
def test_style(analysis: Analysis) -> None:
    sql = code(analysis)
    shouted = [word for word in re.findall(r"\b[A-Z]{2,}\b", sql) if word.lower() in WORDS]
    assert not shouted
    assert re.search(r"\norder by\b[^()]*(\([^()]*\)[^()]*)*$", sql.rstrip())
    text = query(analysis)
    assert not re.search(r"[ \t]\n|\t", text)
    assert text.endswith("\n")
    assert max(len(line) for line in text.splitlines() if not line.startswith("-- ")) <= 100
    assert analysis.question.endswith("?")
    assert analysis.grain
    assert analysis.source


@pytest.mark.parametrize("analysis", EVERY, ids=lambda a: a.name)
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
    for analysis in EVERY:
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


def test_a_model_has_the_same_header_behind_its_own_mark() -> None:
    text = "\n".join("#" + line[2:] for line in GOOD.splitlines() if line.startswith("--"))
    text = text.replace("# grain", "# topic: bias\n# grain") + '\n"""Docstring."""\n'
    found = catalog.parse("models", "name", text, ".py")
    expected = catalog.parse("bias", "name", GOOD)
    assert (found.topic, found.path) == ("bias", "analysis/models/name.py")
    assert (found.parameters, found.columns) == (expected.parameters, expected.columns)
    assert (found.is_model, found.sql, expected.is_model) == (True, "", False)


def test_an_unknown_name_gets_the_nearest() -> None:
    with pytest.raises(WarehouseRefused) as refusal:
        catalog.get("sterability")
    assert refusal.value.faults == (
        "there is no analysis 'sterability'; `steerhouse analyse --list` shows them; "
        "did you mean 'steerability'?",
    )
