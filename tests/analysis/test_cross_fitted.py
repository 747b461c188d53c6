"""Where no validation split was measured the test split chooses the layer, and says so."""

from __future__ import annotations

import shutil
from pathlib import Path

import duckdb
import numpy as np
import pytest
import scipy.stats

from tests.analysis import clustered
from tests.analysis.conftest import rows
from tests.analysis.truth import Synthetic
from tests.command import steerhouse

ALIKE = """
update measurement set logit_diff = other.logit_diff + measurement.multiplier * other.nudge
from (
    select
        *,
        hash(item_id) % 1000 / 500 - avg(hash(item_id) % 1000 / 500) filter (
            where item_id in (select item_id from dataset_item where split = 'test')
        ) over (partition by run_id) as nudge
    from measurement
    where layer = 1
) as other
where
    measurement.layer = 2 and other.run_id = measurement.run_id
    and other.item_id = measurement.item_id and other.multiplier = measurement.multiplier
"""
"""Layer 2 about as good as layer 1, so that single questions decide between them."""
NO_VALIDATION = "update dataset_item set split = 'train' where split = 'validation'"


def slopes(connection: duckdb.DuckDBPyConnection) -> dict[int, dict[str, np.ndarray]]:
    """Return layer -> question -> slopes of the fitted vector of concept0 on base."""
    found: dict[int, dict[str, np.ndarray]] = {}
    for layer, question, values in connection.execute(
        "select layer, question_id, list(slope) from item_slope where concept = 'concept0' "
        "and variant = 'base' and role = 'fitted' and split = 'test' group by all"
    ).fetchall():
        found.setdefault(layer, {})[question] = np.array(values)
    return found


def by_halves(found: dict[int, dict[str, np.ndarray]]) -> tuple[float, float, list[int]]:
    """Return estimate, its CR1 standard error times sqrt(1.36) and the layers of both halves."""
    values, chosen = [], []
    first = clustered.first_half(found[1])
    for half in (first, set(found[1]) - first):
        mean = {
            layer: np.concatenate([v for q, v in found[layer].items() if q not in half]).mean()
            for layer in (1, 2)  # layer 0 is degenerate
        }
        chosen.append(max(mean, key=lambda layer: mean[layer]))
        values += [v for q, v in found[chosen[-1]].items() if q in half]
    whole = np.concatenate(values)
    residuals = np.array([(v - whole.mean()).sum() for v in values])
    n = len(values)
    error = np.sqrt(1.36 * n / (n - 1) * (residuals**2).sum()) / whole.size
    return whole.mean(), error, chosen


def test_each_half_is_reported_at_the_layer_that_the_other_chooses(
    writable: duckdb.DuckDBPyConnection,
) -> None:
    writable.execute(NO_VALIDATION)
    writable.execute(ALIKE)
    found = slopes(writable)
    estimate, error, chosen = by_halves(found)
    assert set(chosen) == {1, 2}  # else nothing would be tested
    best = {layer: np.concatenate(list(found[layer].values())).mean() for layer in (1, 2)}
    layer = max(best, key=lambda layer: best[layer])
    (row,) = rows(writable, "best_layer", concept="concept0")
    assert (row["layer"], row["cross_fitted"]) == (layer, True)
    assert row["validation_steerability"] is None
    assert row["test_steerability"] == pytest.approx(estimate)
    assert row["test_steerability"] < row["test_best_steerability"] == pytest.approx(best[layer])
    half = error * scipy.stats.t.ppf(0.975, len(found[1]) - 1)
    assert row["test_low"] == pytest.approx(estimate - half)
    assert row["test_high"] == pytest.approx(estimate + half)
    assert row["reported_layers"] == [1, 2]
    (told,) = rows(writable, "verdict", concept="concept0")
    assert (told["layer"], told["other_layer"], told["layer_by"]) == (1, 2, "cross_fitted")
    assert told["steerability"] == pytest.approx(row["test_steerability"], rel=1e-12)
    assert row["n_validation_items"] == 0
    ((card,),) = writable.execute(
        "select cross_fitted from concept_card where concept = 'concept0'"
    ).fetchall()
    assert card


def test_validation_items_rule_that_out(writable: duckdb.DuckDBPyConnection) -> None:
    writable.execute(ALIKE)
    assert {row["cross_fitted"] for row in rows(writable, "best_layer")} == {False}


def test_one_layer_is_no_choice(writable: duckdb.DuckDBPyConnection) -> None:
    writable.execute(NO_VALIDATION)
    writable.execute("delete from measurement where layer <> 1")
    (row,) = rows(writable, "best_layer", concept="concept0")
    assert (row["layer"], row["n_candidates"], row["cross_fitted"]) == (1, 1, False)
    assert row["test_steerability"] is not None
    assert row["test_best_layer"] is None  # of one layer none is the best


def test_a_reader_is_told(made_home: tuple[Path, Synthetic], tmp_path: Path) -> None:
    shutil.copy(made_home[0] / "warehouse.duckdb", tmp_path)
    ask = ("--home", ".", "analyse", "slope_window", "--format", "csv")
    assert "too good" not in steerhouse(*ask, "--param", "layer=best", cwd=tmp_path).stderr
    with duckdb.connect(str(tmp_path / "warehouse.duckdb")) as connection:
        connection.execute(NO_VALIDATION)
    told = steerhouse(*ask, "--param", "layer=best", cwd=tmp_path).stderr
    assert "4 run(s) have no validation items" in told
    assert "too good" not in steerhouse(*ask, cwd=tmp_path).stderr


def test_an_experiments_verdict_is_at_layers_that_it_asked(
    writable: duckdb.DuckDBPyConnection,
) -> None:
    """Layer 1 is the best of all; an experiment that asked 0 and 2 is judged at 2."""
    for name, layers in (("two", "(0, 2)"), ("both", "(1, 2)")):
        writable.execute(
            "insert into experiment_run by name select e.* replace (? as experiment) "
            "from experiment_run as e join run_card using (run_id) where role = 'fitted' "
            f"and e.layer in {layers} and e.experiment = 'synthetic' and concept = 'concept0'",
            [name],
        )
    (row,) = rows(writable, "verdict", experiment="two")
    assert (row["layer"], row["layer_by"]) == (2, "validation")
    assert {r["layer"] for r in rows(writable, "steerability", experiment="two", layer="best")} == {
        2
    }
    writable.execute(NO_VALIDATION)
    writable.execute("delete from experiment_run where split = 'validation'")
    writable.execute(ALIKE)
    (row,) = rows(writable, "verdict", experiment="two")
    assert (row["layer"], row["layer_by"]) == (2, "only_one")  # 0 is degenerate
    (row,) = rows(writable, "verdict", experiment="both")
    assert (row["layer"], row["other_layer"], row["layer_by"]) == (1, 2, "cross_fitted")
