from __future__ import annotations

import duckdb
import numpy as np
import pytest
import statsmodels.api as sm
from statsmodels.stats.proportion import confint_proportions_2indep, proportion_confint

from tests.analysis import clustered as clustered_


def over_questions(
    connection: duckdb.DuckDBPyConnection, expression: str, value: np.ndarray, question: np.ndarray
) -> float | None:
    sql = f"""
        with question as (
            select sum(value) as total, count(*) as n
            from (select unnest($value) as value, unnest($question) as question)
            group by question
        )
        select {expression} from question
    """
    values = {"value": value.tolist(), "question": question.tolist()}
    found: float | None
    ((found,),) = connection.execute(sql, values).fetchall()
    return found


@pytest.fixture(params=range(6))
def clustered(request: pytest.FixtureRequest) -> tuple[np.ndarray, np.ndarray]:
    """Return values and their questions: one to four items a question, alike within it."""
    draw = np.random.default_rng(request.param)
    question = np.repeat(np.arange(30), draw.integers(1, 5, 30))
    value = draw.normal(2, 1, 30)[question] * (request.param / 3) + draw.normal(0, 1, question.size)
    return value, question


def test_standard_error_is_statsmodels_cluster_robust(
    connection: duckdb.DuckDBPyConnection, clustered: tuple[np.ndarray, np.ndarray]
) -> None:
    value, question = clustered
    ours = over_questions(connection, "cluster_standard_error(total, n)", value, question)
    assert ours == pytest.approx(clustered_.mean(value, question).bse[0], rel=1e-10)


def test_standard_error_of_nearly_equal_values(connection: duckdb.DuckDBPyConnection) -> None:
    draw = np.random.default_rng(0)
    question = np.repeat(np.arange(40), 2)
    value = 1e6 + draw.normal(0, 1e-3, 80)
    means = value.reshape(40, 2).mean(axis=1)
    ours = over_questions(connection, "cluster_standard_error(total, n)", value, question)
    assert ours == pytest.approx(means.std(ddof=1) / np.sqrt(40), rel=1e-3)


def test_one_question_has_no_standard_error(connection: duckdb.DuckDBPyConnection) -> None:
    one = np.array([1.0, 2.0]), np.array([7, 7])
    assert over_questions(connection, "cluster_standard_error(total, n)", *one) is None


def test_effective_number(
    connection: duckdb.DuckDBPyConnection, clustered: tuple[np.ndarray, np.ndarray]
) -> None:
    value, question = clustered
    hit = (value > 1).astype(float)
    expected = clustered_.effective_number(hit, question)
    ours = over_questions(connection, "effective_number(total, n)", hit, question)
    assert ours == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    ("hit", "expected"),
    [
        ([1, 1, 0, 0, 1, 1, 0, 0], 4),  # both items of a question always agree
        ([1, 0, 0, 1, 1, 0, 0, 1], 8),  # they never do: no worse than independent
        ([0, 0, 0, 0, 0, 0, 0, 0], 4),  # nothing to learn from: as if they always agreed
    ],
)
def test_effective_number_at_its_ends(
    connection: duckdb.DuckDBPyConnection, hit: list[int], expected: float
) -> None:
    question = np.repeat(np.arange(4), 2)
    ours = over_questions(connection, "effective_number(total, n)", np.array(hit, float), question)
    assert ours == pytest.approx(expected)


@pytest.mark.parametrize("hits", [0, 1, 7, 19, 20])
@pytest.mark.parametrize("confidence", [0.8, 0.95, 0.99])
def test_wilson(connection: duckdb.DuckDBPyConnection, hits: int, confidence: float) -> None:
    (ours,) = connection.execute(
        "select wilson_low($f, 20, $c), wilson_high($f, 20, $c)", {"f": hits / 20, "c": confidence}
    ).fetchall()
    expected = proportion_confint(hits, 20, alpha=1 - confidence, method="wilson")
    assert ours == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("hits", [0, 1, 7, 19, 20])
@pytest.mark.parametrize("questions", [4, 10, 20])
def test_fraction_interval(
    connection: duckdb.DuckDBPyConnection, hits: int, questions: int
) -> None:
    (ours,) = connection.execute(
        "select fraction_low($f, 20, t_factor(.95, $q)), fraction_high($f, 20, t_factor(.95, $q))",
        {"f": hits / 20, "q": questions},
    ).fetchall()
    assert ours == pytest.approx(clustered_.fraction_interval(hits / 20, 20, questions), abs=1e-9)


def test_an_effective_number_of_one_has_no_interval(connection: duckdb.DuckDBPyConnection) -> None:
    for fraction in (0.0, 0.4, 1.0):
        sql = "select fraction_low($f, 1, 2), fraction_high($f, 1, 2)"
        assert connection.execute(sql, {"f": fraction}).fetchall() == [(None, None)]


def test_joint_degrees(connection: duckdb.DuckDBPyConnection) -> None:
    def ours(*values: float) -> int | None:
        ((found,),) = connection.execute(f"select joint_degrees{values}").fetchall()
        return found  # type: ignore[no-any-return]

    assert ours(2.0, 25, 3.0, 20) == int(25 / (4 / 24 + 9 / 19))
    assert ours(2.0, 25, 0.0, 20) == 24
    assert ours(1.0, 5000, 0.0, 20) == 200
    assert ours(0.0, 25, 0.0, 20) is None


@pytest.mark.parametrize("correlation", [0.0, 0.4])
def test_difference_of_fractions_is_newcombes(
    connection: duckdb.DuckDBPyConnection, correlation: float
) -> None:
    p, low, high = (0.4, 0.2), (0.3, 0.1), (0.55, 0.33)
    sql = f"select difference_low({p[0]}, {low[0]}, {p[1]}, {high[1]}, {correlation}), difference_high({p[0]}, {high[0]}, {p[1]}, {low[1]}, {correlation})"
    (ours,) = connection.execute(sql).fetchall()
    down, up = np.array([p[0] - low[0], high[1] - p[1]]), np.array([high[0] - p[0], p[1] - low[1]])
    expected = [
        p[0] - p[1] + sign * np.sqrt((part**2).sum() - 2 * correlation * part.prod())
        for sign, part in ((-1, down), (1, up))
    ]
    assert ours == pytest.approx(expected)
    if correlation == 0:  # statsmodels' own, with its own Wilson bounds
        hits, n = (12, 5), (30, 24)
        bounds = [proportion_confint(*both, method="wilson") for both in zip(hits, n, strict=True)]
        f = [h / m for h, m in zip(hits, n, strict=True)]
        sql = f"select difference_low({f[0]}, {bounds[0][0]}, {f[1]}, {bounds[1][1]}, 0), difference_high({f[0]}, {bounds[0][1]}, {f[1]}, {bounds[1][0]}, 0)"
        (ours,) = connection.execute(sql).fetchall()
        theirs = confint_proportions_2indep(hits[0], n[0], hits[1], n[1], method="newcomb")
        assert ours == pytest.approx(theirs, abs=1e-9)


def share(
    connection: duckdb.DuckDBPyConnection,
    slope: np.ndarray,
    side: np.ndarray,
    questions: list[int] | None = None,
) -> float | None:
    sql = (
        "select variance_share(s, x, q, 1e-3) "
        "from (select unnest($s) as s, unnest($x) as x, unnest($q) as q)"
    )
    given = {"s": slope.tolist(), "x": side.tolist(), "q": questions or [*range(len(slope))]}
    found: float | None
    ((found,),) = connection.execute(sql, given).fetchall()
    return found


def test_variance_share_is_the_r2_of_one_factor(connection: duckdb.DuckDBPyConnection) -> None:
    draw = np.random.default_rng(2)
    side = draw.integers(0, 2, 60)
    slope = draw.normal(0, 1, 60) + side
    expected = sm.OLS(slope, sm.add_constant(side)).fit().rsquared
    assert share(connection, slope, side) == pytest.approx(expected, rel=1e-10)


def test_variance_share_is_null_where_nothing_varies(connection: duckdb.DuckDBPyConnection) -> None:
    side = np.array([0, 1] * 5)
    assert share(connection, np.full(10, 2.0), side) is None
    assert share(connection, 1e-4 * side, side) is None
    assert share(connection, side * 1.0, np.ones(10, int)) is None


def test_variance_share_is_null_where_one_question_makes_a_side(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    slope, side = np.array([1.0, 1.2, 2.0, 3.0, 5.0]), np.array([1, 1, 0, 0, 0])
    assert share(connection, slope, side, [1, 2, 3, 4, 5]) is not None
    assert share(connection, slope, side, [1, 1, 3, 4, 5]) is None
    assert share(connection, slope, 1 - side, [1, 1, 3, 4, 5]) is None
