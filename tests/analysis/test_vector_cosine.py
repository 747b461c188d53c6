"""The cosine of two fit variants' vectors, made up for what chance takes from it."""

from __future__ import annotations

import duckdb
import numpy as np
import pytest
import scipy.stats as st

from tests.analysis.conftest import rows
from tests.analysis.tables import fill

VARIANTS = ("base", "user_positive")


def test_cosines_of_variants(empty: duckdb.DuckDBPyConnection) -> None:
    fill(empty, fit_variant=np.repeat(VARIANTS, 3), question=np.tile(np.arange(3), 2), slope=np.ones(6))  # fmt: skip
    draw = np.random.default_rng(7)
    pairs = [draw.normal(size=(2, 64)) * 0.05 + np.eye(64)[[0, 0]] for _ in range(7)]
    for number, (variant, name) in enumerate((v, f"m|c|{v}|mean_difference|") for v in VARIANTS):
        empty.execute(
            "insert into vector_direction values (?, 0, ?)", [name, pairs[0][number].tolist()]
        )
        for k in range(1, 7):
            empty.execute("insert into vector by name select * replace (? as vector_id, ? as parent_vector_id, ? as resample, 'resample' as role) from vector where vector_id = ?", [f"{variant}{k}", name, k, name])  # fmt: skip
            empty.execute("insert into vector_layer by name select * replace (? as vector_id) from vector_layer where vector_id = ?", [f"{variant}{k}", name])  # fmt: skip
            empty.execute("insert into vector_direction values (?, 0, ?)", [f"{variant}{k}", pairs[k][number].tolist()])  # fmt: skip
    empty.execute("update vector_fit set n_questions = 12")
    (row,) = rows(empty, "vector_cosine")
    (a, b), resamples, f = pairs[0], pairs[1:], 12 / 11
    aa, bb, ab = (
        left @ right - f * np.mean([(u[i] - left) @ (u[j] - right) for u in resamples])
        for left, right, i, j in ((a, a, 0, 0), (b, b, 1, 1), (a, b, 0, 1))
    )
    assert min(aa / (a @ a), bb / (b @ b)) > 0.5
    corrected = ab / np.sqrt(aa * bb)
    changes = [
        (u @ b + v @ a) / np.sqrt(aa * bb) - corrected * (u @ a / aa + v @ b / bb)
        for u, v in resamples
    ]
    half = st.t.ppf(0.975, 5) * np.std(changes, ddof=1)
    assert (row["fit_variant_a"], row["fit_variant_b"], row["n_resamples"]) == (
        "base",
        "user_positive",
        6,
    )
    assert row["cosine"] == pytest.approx(a @ b / np.sqrt(a @ a * (b @ b)), abs=1e-6)
    assert row["corrected_cosine"] == pytest.approx(min(1, corrected), abs=1e-5)
    assert row["corrected_low"] == pytest.approx(corrected - half, abs=1e-5)
    assert row["corrected_high"] == pytest.approx(min(1, corrected + half), abs=1e-5)
    assert row["systematic_share"] == pytest.approx(min(aa / (a @ a), bb / (b @ b)), abs=1e-5)
    assert row["chance"] == pytest.approx(1.959964 / 8)


@pytest.mark.parametrize(("half", "share"), [(0.6, 0.75), (0.2, 1 / 3), (None, None)])
def test_without_resamples_a_cosine_is_corrected_by_split_halves(
    empty: duckdb.DuckDBPyConnection, half: float | None, share: float | None
) -> None:
    fill(empty, fit_variant=np.repeat(VARIANTS, 3), question=np.tile(np.arange(3), 2), slope=np.ones(6))  # fmt: skip
    for variant, direction in zip(VARIANTS, ([1.0, 0.0], [1.0, 1.0]), strict=True):
        empty.execute("insert into vector_direction values (?, 0, ?)", [f"m|c|{variant}|mean_difference|", direction])  # fmt: skip
    empty.execute("update vector_layer set split_half_cosine = ?", [half])
    (row,) = rows(empty, "vector_cosine")
    assert row["cosine"] == pytest.approx(2**-0.5)
    assert row["systematic_share"] == (share and pytest.approx(share))
    clear = share is not None and share > 0.5
    assert row["corrected_cosine"] == (pytest.approx(2**-0.5 / share) if clear else None)
    assert row["corrected_low"] is row["corrected_high"] is None
