from __future__ import annotations

import duckdb
import numpy as np
import pytest
import statsmodels.api as sm
from statsmodels.stats.proportion import proportion_confint


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
    fit = sm.OLS(value, np.ones(value.size)).fit(
        cov_type="cluster", cov_kwds={"groups": question, "use_correction": True}, use_t=True
    )
    ours = over_questions(connection, "cluster_standard_error(total, n)", value, question)
    assert ours == pytest.approx(fit.bse[0], rel=1e-10)


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


def icc(hit: np.ndarray, question: np.ndarray) -> float:
    """Return the analysis-of-variance estimator, from the items themselves."""
    names, sizes = np.unique(question, return_counts=True)
    means = np.array([hit[question == name].mean() for name in names])
    n, k = hit.size, names.size
    between = (sizes * (means - hit.mean()) ** 2).sum() / (k - 1)
    within = sum(
        ((hit[question == name] - mean) ** 2).sum() for name, mean in zip(names, means, strict=True)
    ) / (n - k)
    size = (n - (sizes**2).sum() / n) / (k - 1)
    return float((between - within) / (between + (size - 1) * within))


def test_effective_number(
    connection: duckdb.DuckDBPyConnection, clustered: tuple[np.ndarray, np.ndarray]
) -> None:
    value, question = clustered
    hit = (value > 1).astype(float)
    _, sizes = np.unique(question, return_counts=True)
    correlation = min(1.0, max(0.0, icc(hit, question)))
    expected = hit.size / (1 + ((sizes**2).sum() / hit.size - 1) * correlation)
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


def share(
    connection: duckdb.DuckDBPyConnection, slope: np.ndarray, side: np.ndarray
) -> float | None:
    sql = "select variance_share(s, x, 1e-3) from (select unnest($s) as s, unnest($x) as x)"
    found: float | None
    ((found,),) = connection.execute(sql, {"s": slope.tolist(), "x": side.tolist()}).fetchall()
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
