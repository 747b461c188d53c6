from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import duckdb
import numpy as np
import pytest
import scipy.stats as st
from hypothesis import given, settings, strategies as some

from tests.analysis.tables import warehouse


@pytest.fixture(scope="module")
def empty() -> Iterator[duckdb.DuckDBPyConnection]:
    with warehouse() as connection:
        yield connection


def one(connection: duckdb.DuckDBPyConnection, expression: str, **values: object) -> float | None:
    value: float | None
    ((value,),) = connection.execute(f"select {expression}", values or None).fetchall()
    return value


def column(
    connection: duckdb.DuckDBPyConnection, expression: str, **values: np.ndarray
) -> np.ndarray:
    unnested = ", ".join(f"unnest(${name}) as {name}" for name in values)
    lists = {name: value.tolist() for name, value in values.items()}
    return np.array(
        [
            row[0]
            for row in connection.execute(
                f"select {expression} from (select {unnested})", lists
            ).fetchall()
        ],
        dtype=float,
    )


@pytest.fixture(scope="module")
def drawn() -> dict[str, np.ndarray]:
    draw = np.random.default_rng(4)
    df = np.concatenate([np.arange(1, 301), draw.integers(300, 3000, 100)])
    return {
        "t": draw.standard_t(3, df.size) * 2,
        "df": df,
        "p": draw.uniform(0.001, 0.999, df.size),
    }


def test_t_cdf(empty: duckdb.DuckDBPyConnection, drawn: dict[str, np.ndarray]) -> None:
    ours = column(empty, "student_t_cdf(t, df)", t=drawn["t"], df=drawn["df"])
    np.testing.assert_allclose(ours, st.t.cdf(drawn["t"], drawn["df"]), rtol=0, atol=1e-12)


def test_t_two_sided(empty: duckdb.DuckDBPyConnection, drawn: dict[str, np.ndarray]) -> None:
    ours = column(empty, "student_t_two_sided(t, df)", t=drawn["t"], df=drawn["df"])
    np.testing.assert_allclose(ours, 2 * st.t.sf(abs(drawn["t"]), drawn["df"]), rtol=0, atol=1e-12)


def test_t_quantile(empty: duckdb.DuckDBPyConnection, drawn: dict[str, np.ndarray]) -> None:
    ours = column(empty, "student_t_quantile(p, df)", p=drawn["p"], df=drawn["df"])
    np.testing.assert_allclose(ours, st.t.ppf(drawn["p"], drawn["df"]), rtol=1e-9, atol=1e-9)


@settings(max_examples=60, deadline=None)
@given(some.floats(-30, 30), some.integers(1, 400))
def test_t_cdf_and_quantile_are_inverse(t: float, df: int) -> None:
    connection = _SHARED
    p = one(connection, "student_t_cdf($t, $df)", t=t, df=df)
    assert p is not None
    if 1e-6 < p < 1 - 1e-6:
        back = one(connection, "student_t_quantile($p, $df)", p=p, df=df)
        assert back == pytest.approx(t, rel=1e-7, abs=1e-7)


_KEPT = ExitStack()
_SHARED = _KEPT.enter_context(warehouse())


def test_normal(empty: duckdb.DuckDBPyConnection, drawn: dict[str, np.ndarray]) -> None:
    x, p = drawn["t"], np.concatenate([drawn["p"], [1e-6, 0.5, 1 - 1e-6]])
    np.testing.assert_allclose(
        column(empty, "normal_cdf(x)", x=x), st.norm.cdf(x), rtol=0, atol=1e-14
    )
    np.testing.assert_allclose(
        column(empty, "normal_quantile(p)", p=p), st.norm.ppf(p), rtol=0, atol=1e-9
    )


@pytest.mark.parametrize(
    "undefined",
    [
        "student_t_cdf(null, 3)",
        "student_t_cdf(1, 0)",
        "student_t_cdf(1, null)",
        "student_t_two_sided(null, 3)",
        "student_t_two_sided(2, 0)",
        "student_t_quantile(0.975, 0)",
        "student_t_quantile(0.975, null)",
        "student_t_quantile(1, 3)",
        "student_t_quantile(null, 3)",
        "normal_quantile(0)",
        "normal_quantile(null)",
        "normal_cdf(null)",
        "wilson_low(null, 20, 0.95)",
        "wilson_low(0.5, 1, 0.95)",
        "wilson_high(0.5, null, 0.95)",
        "wilson_high(0.5, 20, 1.5)",
        "t_factor(0.95, 1)",
    ],
)
def test_what_is_undefined_is_null(empty: duckdb.DuckDBPyConnection, undefined: str) -> None:
    assert one(empty, undefined) is None
