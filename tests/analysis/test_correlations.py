"""The macros of correlations and ratios against scipy and numpy."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pytest
import scipy.stats as st

from tests.analysis.tables import warehouse


@pytest.fixture(scope="module")
def empty() -> Iterator[duckdb.DuckDBPyConnection]:
    with warehouse() as connection:
        yield connection


def correlations(
    connection: duckdb.DuckDBPyConnection, groups: list[tuple[Any, Any]], draws: int = 1
) -> list[dict[str, Any]]:
    rows = [
        {"g": g, "c": c, "x": x, "y": y}
        for g, (xs, ys) in enumerate(groups)
        for c, (x, y) in enumerate(zip(xs, ys, strict=True))
    ]
    columns = [("g", pa.int64()), ("c", pa.int64()), ("x", pa.float64()), ("y", pa.float64())]
    connection.register("given_points", pa.Table.from_pylist(rows, schema=pa.schema(columns)))
    found = connection.sql(
        "from correlations((select list({'g': g, 'c': c, 'x': x, 'y': y}) from given_points), $draws, 0.95)"
        " order by g",
        params={"draws": draws},
    )
    return found.to_dicts()


def drawn(ties: bool) -> list[tuple[np.ndarray, np.ndarray]]:
    draw = np.random.default_rng(3)
    made = []
    for n in draw.integers(5, 60, 60):
        x = draw.normal(size=n)
        y = draw.uniform(-1, 1) * x + draw.normal(size=n)
        made.append((np.round(x), np.round(2 * y) / 2) if ties else (x, y))
    return made


@pytest.mark.parametrize("ties", [False, True])
def test_correlations_are_scipys(empty: duckdb.DuckDBPyConnection, ties: bool) -> None:
    groups = drawn(ties)
    for row, (x, y) in zip(correlations(empty, groups), groups, strict=True):
        pearson, spearman = st.pearsonr(x, y), st.spearmanr(x, y)
        assert row["n"] == x.size
        assert row["pearson"] == pytest.approx(pearson.statistic, abs=1e-12)
        assert row["pearson_p"] == pytest.approx(pearson.pvalue, abs=1e-9)
        low, high = pearson.confidence_interval(0.95)
        assert (row["pearson_low"], row["pearson_high"]) == pytest.approx((low, high), abs=1e-9)
        assert row["spearman"] == pytest.approx(spearman.statistic, abs=1e-12)
        assert row["spearman_p"] == pytest.approx(spearman.pvalue, abs=1e-9)
        half = 1.959963984540054 * np.sqrt((1 + spearman.statistic**2 / 2) / (x.size - 3))
        bounds = np.tanh(np.arctanh(spearman.statistic) + np.array([-half, half]))
        assert (row["spearman_low"], row["spearman_high"]) == pytest.approx(bounds, abs=1e-9)


def test_bootstrap_is_the_percentile_bootstrap(empty: duckdb.DuckDBPyConnection) -> None:
    draw = np.random.default_rng(5)
    x = draw.normal(size=40)
    y = x + draw.normal(size=40)
    (row,) = correlations(empty, [(x, y)], draws=2000)
    sample = [st.spearmanr(x[i], y[i]).statistic for i in draw.integers(0, 40, (2000, 40))]
    low, high = np.quantile(sample, [0.025, 0.975])
    assert (row["bootstrap_low"], row["bootstrap_high"]) == pytest.approx((low, high), abs=0.03)
    (again,) = correlations(empty, [(x, y)], draws=2000)
    assert again == pytest.approx(row, abs=1e-9)


def test_bootstrap_draws_concepts_with_all_their_points(empty: duckdb.DuckDBPyConnection) -> None:
    draw = np.random.default_rng(6)
    concept = np.repeat(np.arange(20), 3)
    x, y = (draw.normal(size=20)[concept] + 0.1 * draw.normal(size=60) for _ in range(2))
    points = pa.table({"g": np.zeros(60, int), "c": concept, "x": x, "y": y})  # noqa: F841
    low, high = empty.sql(
        "select bootstrap_low, bootstrap_high from"
        " correlations((select list({'g': g, 'c': c, 'x': x, 'y': y}) from points), 2000, 0.95)"
    ).fetchall()[0]
    where = np.arange(60).reshape(20, 3)
    drawn = [where[k].ravel() for k in draw.integers(0, 20, (2000, 20))]
    ends = np.quantile([st.spearmanr(x[i], y[i]).statistic for i in drawn], [0.025, 0.975])
    assert (low, high) == pytest.approx(tuple(ends), abs=0.04)


def test_edges(empty: duckdb.DuckDBPyConnection) -> None:
    up, flat = [1.0, 2.0, 3.0, 4.0, 5.0], [2.0] * 5
    line, still, two, three, one = correlations(
        empty,
        [(up, up), (up, flat), (up[:2], up[:2]), (up[:3], [1.0, 3.0, 2.0]), ([1.0], [1.0])],
        50,
    )
    assert (line["spearman"], line["pearson"], line["spearman_p"]) == (1, 1, 0)
    assert line["spearman_low"] is None  # no interval from a perfect order
    assert (line["bootstrap_low"], line["bootstrap_high"]) == (pytest.approx(1), pytest.approx(1))
    assert still["pearson"] is still["spearman"] is still["bootstrap_low"] is None
    assert (two["spearman"], two["spearman_p"]) == (pytest.approx(1), None)
    assert three["spearman"] == pytest.approx(0.5)
    assert three["spearman_low"] is None
    assert three["spearman_p"] == pytest.approx(st.spearmanr([1, 2, 3], [1, 3, 2]).pvalue)
    assert one["spearman"] is None


def test_nulls_are_left_out(empty: duckdb.DuckDBPyConnection) -> None:
    (row,) = correlations(empty, [([1.0, 2.0, None, 4.0, 5.0], [1.0, 3.0, 9.0, None, 2.0])])
    assert row["n"] == 3


def test_q_values_are_statsmodels(empty: duckdb.DuckDBPyConnection) -> None:
    from statsmodels.stats.multitest import multipletests

    draw = np.random.default_rng(0)
    p = [*draw.uniform(0, 1, 30) ** 3, None]
    points = pa.table({"id": np.arange(62), "family": np.repeat([0, 1], 31), "p": pa.array(p + p)})  # noqa: F841
    found = empty.sql(
        "select id, q from q_values((select list({'id': id, 'family': family, 'p': p}) from points))"
        " order by id"
    ).fetchall()
    expected = multipletests(p[:-1], method="fdr_bh")[1]
    assert [q for _, q in found] == pytest.approx([*expected, *expected])
    assert 30 not in dict(found)


def fieller(a: float, va: float, b: float, vb: float, c: float, t: float) -> tuple[float, float]:
    """Return the interval by trying ratios: those r with (a - r b)^2 <= t^2 var(a - r b)."""
    r = np.linspace(-60, 60, 240_001)
    inside = r[(a - r * b) ** 2 <= t * t * (va - 2 * r * c + r * r * vb)]
    return float(inside.min()), float(inside.max())


def test_fieller_is_what_the_test_does_not_refuse(empty: duckdb.DuckDBPyConnection) -> None:
    draw = np.random.default_rng(8)
    n_clear = 0
    for _ in range(12):
        a, b = draw.normal(0, 2, 2)
        va, vb = draw.uniform(0.01, 0.3, 2)
        c = draw.uniform(-1, 1) * np.sqrt(va * vb)
        values = dict(zip("a va b vb c t".split(), map(float, (a, va, b, vb, c, 2.0)), strict=True))
        low, high, ratio = empty.execute(
            "select relative_low($a, $va, $b, $vb, $c, $t), relative_high($a, $va, $b, $vb, $c, $t),"
            " relative_to($a, $b, $vb, $t)",
            values,
        ).fetchall()[0]
        if b * b <= 4 * vb:
            assert low is high is ratio is None
            continue
        n_clear += 1
        ends = [np.sign(b) * end for end in fieller(**values)]
        assert (low, high) == pytest.approx((min(ends), max(ends)), abs=1e-3)
        assert low <= ratio <= high
    assert n_clear >= 6


def test_cluster_covariance_is_that_of_the_residual_totals(
    empty: duckdb.DuckDBPyConnection,
) -> None:
    draw = np.random.default_rng(1)
    n_a, n_b = draw.integers(1, 4, (2, 25))
    a = n_a * draw.normal(2, 1, 25)
    b = n_b * draw.normal(-1, 1, 25) + a
    totals = pa.table({"a": a, "na": n_a, "b": b, "nb": n_b})  # noqa: F841
    ours, variance, error = empty.sql(
        "select cluster_covariance(a, na, b, nb), cluster_covariance(a, na, a, na),"
        " cluster_standard_error(a, na) from totals"
    ).fetchall()[0]
    left, right = a - a.sum() / n_a.sum() * n_a, b - b.sum() / n_b.sum() * n_b
    assert ours == pytest.approx(25 / 24 * (left @ right) / n_a.sum() / n_b.sum(), rel=1e-9)
    assert variance == pytest.approx(error**2, rel=1e-9)
