from __future__ import annotations

from typing import Any

import duckdb
import numpy as np
import pytest

from tests.analysis.conftest import rows
from tests.analysis.synthetic import identity
from tests.analysis.truth import Synthetic


def plant(
    connection: duckdb.DuckDBPyConnection,
    quantity: str,
    value: float | None,
    layer: int | None = 1,
    concept: str = "concept0",
    variant: str = "base",
) -> None:
    connection.execute(
        "insert into planted values (?, ?, ?, ?, ?, ?)",
        [
            identity("model", "model0"),
            identity("dataset", concept),
            quantity,
            identity("variant", concept, variant),
            layer,
            value,
        ],
    )


def truths(made: Synthetic) -> dict[str, float]:
    run = made.fitted()
    slopes = made.slopes(run, 1)
    items = [item for item in run.items if item.split == "test"]
    letter = [item.positive_option for item in items]
    yes = [item.positive_answer == "Yes" for item in items]
    return {
        "mean_slope": slopes.mean(),
        "anti_steerable_fraction": (slopes <= -1e-3).mean(),
        "letter_share": np.corrcoef(slopes, letter)[0, 1] ** 2,
        "yes_no_share": np.corrcoef(slopes, yes)[0, 1] ** 2,
        "best_layer": 1,
        "baseline_mean": made.curves(run, 1)[:, 0].mean(),
    }


def only(connection: duckdb.DuckDBPyConnection, **given: Any) -> dict[str, Any]:
    (row,) = rows(connection, "planted_truth", **given)
    return row


TOLERANCE = {
    "anti_steerable_fraction": 1e-9,
    "letter_share": 0.02,
    "yes_no_share": 0.02,
    "best_layer": 0,
    "baseline_mean": 0.01,
}


@pytest.mark.parametrize("quantity", ["mean_slope", *TOLERANCE])
def test_truth_is_recognised_and_a_miss_is_too(
    writable: duckdb.DuckDBPyConnection, made: Synthetic, quantity: str
) -> None:
    truth = truths(made)[quantity]
    layer = None if quantity in ("best_layer", "baseline_mean") else 1
    plant(writable, quantity, truth, layer)
    row = only(writable)
    tolerance = TOLERANCE.get(quantity, max(0.02 * abs(truth), 0.01))
    assert row["measured"] == pytest.approx(truth, abs=1e-9)
    assert row["tolerance"] == pytest.approx(tolerance)
    assert (row["within"], row["complete"], row["concept"]) == (True, True, "concept0")
    for side in (-1, 1):
        writable.execute(
            "update planted set value = ?", [truth + side * max(1.05 * tolerance, 1e-8)]
        )
        row = only(writable)
        assert row["within"] is False
        assert row["difference"] == pytest.approx(-side * max(1.05 * tolerance, 1e-8))
        writable.execute("update planted set value = ?", [truth + side * 0.9 * tolerance])
        assert only(writable)["within"] is True


def test_small_slopes_are_allowed_a_hundredth_of_a_logit(
    writable: duckdb.DuckDBPyConnection, made: Synthetic
) -> None:
    plant(writable, "mean_slope", 0.0, layer=0)
    row = only(writable)
    assert row["measured"] == pytest.approx(made.slopes(made.fitted(), 0).mean(), abs=1e-9)
    assert (row["tolerance"], row["within"]) == (0.01, True)


def test_undefined_truth_must_be_measured_null(writable: duckdb.DuckDBPyConnection) -> None:
    plant(writable, "letter_share", None)
    row = only(writable)
    assert row["measured"] is not None
    assert row["within"] is False
    writable.execute("update measurement set logit_diff = 0")
    writable.execute("update baseline set logit_diff = 0")
    row = only(writable)
    assert (row["measured"], row["within"]) == (None, True)


def test_where_nothing_moves_no_layer_is_best(writable: duckdb.DuckDBPyConnection) -> None:
    plant(writable, "best_layer", None, layer=None)
    assert only(writable)["within"] is False
    writable.execute("update measurement set logit_diff = 0.0001 * multiplier")
    writable.execute("update baseline set logit_diff = 0")
    row = only(writable)
    assert (row["measured"], row["within"]) == (None, True)


def test_a_truth_that_nothing_measured_has_no_row(writable: duckdb.DuckDBPyConnection) -> None:
    plant(writable, "letter_share", None, layer=7)
    plant(writable, "mean_slope", 1.0, layer=7)
    assert rows(writable, "planted_truth") == []


def test_only_fits_on_base_of_the_same_concept_count(
    writable: duckdb.DuckDBPyConnection, made: Synthetic
) -> None:
    plant(writable, "mean_slope", 1.0)
    assert only(writable)["run_id"] == made.fitted().run_id
    writable.execute(
        "update vector_fit set variant_id = ?", [identity("variant", "concept0", "user_positive")]
    )
    assert rows(writable, "planted_truth") == []


def test_filters(writable: duckdb.DuckDBPyConnection) -> None:
    plant(writable, "mean_slope", 1.0)
    plant(writable, "mean_slope", 1.0, concept="concept1")
    plant(writable, "mean_slope", 1.0, variant="user_positive")
    plant(writable, "baseline_mean", 0.0, layer=None)
    assert len(rows(writable, "planted_truth", experiment="synthetic")) == 4
    assert only(writable, concept="concept1")["concept"] == "concept1"
    assert len(rows(writable, "planted_truth", model="model0", method="mean_difference")) == 4
