"""Side effects: what a vector does to the questions of other concepts."""

from __future__ import annotations

from typing import Any

import duckdb
import numpy as np
import pytest
import scipy.stats as st

from tests.analysis.conftest import rows
from tests.analysis.tables import fill


@pytest.fixture
def disturbed(empty: duckdb.DuckDBPyConnection) -> tuple[duckdb.DuckDBPyConnection, Any]:
    """Vectors of two concepts, each evaluated on both; a third concept steers nothing at home."""
    draw = np.random.default_rng(4)
    runs = [("c", "c"), ("c", "d"), ("d", "d"), ("d", "c"), ("e", "e"), ("e", "c")]
    centres = dict(zip(runs, (2.0, 0.5, 1.0, -0.2, 0.0, 0.3), strict=True))
    slopes = {run: centres[run] + draw.normal(0, 0.5, 8) for run in runs}
    fits, concepts = zip(*runs, strict=True)
    fill(
        empty,
        fit_concept=np.repeat(fits, 8),
        concept=np.repeat(concepts, 8),
        question=np.tile(np.arange(8), 6),
        slope=np.concatenate(list(slopes.values())),
    )
    for fit, direction in {"c": [3.0, 4.0], "d": [8.0, 6.0], "e": [0.0, 1.0]}.items():
        vector = f"m|{fit}|base|mean_difference|"
        empty.execute("insert into vector_direction values (?, 0, ?)", [vector, direction])
    return empty, slopes


def test_side_effects(disturbed: tuple[duckdb.DuckDBPyConnection, Any]) -> None:
    connection, slopes = disturbed
    found = {(row["fit_concept"], row["concept"]): row for row in rows(connection, "side_effects")}
    assert set(found) == {("c", "d"), ("d", "c"), ("e", "c")}
    row, here, home = found["c", "d"], slopes["c", "d"], slopes["c", "c"]
    assert row["side_effect"] == pytest.approx(here.mean(), abs=1e-6)
    assert row["side_effect_p"] == pytest.approx(st.ttest_1samp(here, 0).pvalue, rel=1e-4)
    assert row["relative"] == pytest.approx(here.mean() / home.mean(), rel=1e-5)
    t, va, vb = st.t.ppf(0.975, 7), here.var(ddof=1) / 8, home.var(ddof=1) / 8
    ends = np.roots([home.mean() ** 2 - t * t * vb, -2 * here.mean() * home.mean(), here.mean() ** 2 - t * t * va])  # fmt: skip
    assert (row["relative_low"], row["relative_high"]) == pytest.approx(sorted(ends), rel=1e-4)
    assert row["cosine"] == pytest.approx(48 / 50)
    assert row["expected"] == pytest.approx(48 / 100 * slopes["d", "d"].mean(), rel=1e-5)
    assert (row["nulls"], row["complete"]) == ("no null", True)
    idle = found["e", "c"]
    assert idle["relative"] is idle["relative_low"] is None
    assert idle["own_steerability"] == pytest.approx(slopes["e", "e"].mean(), abs=1e-6)


def test_a_filter_on_concepts_is_for_the_disturbed_one(
    disturbed: tuple[duckdb.DuckDBPyConnection, Any],
) -> None:
    (row,) = rows(disturbed[0], "side_effects", concept="d")
    assert (row["fit_concept"], row["concept"]) == ("c", "d")
    assert row["relative"] is not None
