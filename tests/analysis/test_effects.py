"""What operators without a slope are reported by, with numbers made again by numpy."""

from __future__ import annotations

import duckdb
import numpy as np
import pytest
import scipy.stats as st

from analysis.catalog import get
from analysis.notes import notes
from analysis.run import answer
from tests.analysis import clustered
from tests.analysis.conftest import rows
from tests.analysis.truth import Run, Synthetic

UNDER = -0.4
"""An ablation's effect as a share of what multiplier 1 adds."""


@pytest.fixture
def ablated(writable: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyConnection:
    """Beside every run of concept0 the run of its vector with operator ablate."""
    for statement in (
        "create temp table own as select run.* from run join run_card using (run_id) "
        "where concept = 'concept0' and run_card.variant = 'base'",
        "insert into run by name select * replace (run_id || '-a' as run_id, 'ablate' as operator,"
        " false as identity_at_zero, false as graded) from own",
        "insert into measurement by name select m.* replace (m.run_id || '-a' as run_id, "
        f"(b.logit_diff + {UNDER} * (m.logit_diff - b.logit_diff))::float as logit_diff) "
        "from measurement as m join own using (run_id) "
        "join baseline as b on b.evaluation_id = own.evaluation_id and b.item_id = m.item_id "
        "where m.multiplier = 1",
        "insert into cell by name select cell.* replace (cell.run_id || '-a' as run_id) from cell "
        "join own using (run_id) where multiplier = 1",
        "insert into experiment_run by name select e.* replace (e.run_id || '-a' as run_id) from "
        "experiment_run as e join own using (run_id) where multiplier = 1",
    ):
        writable.execute(statement)
    return writable


def effects(made: Synthetic, run: Run, layer: int = 1) -> np.ndarray:
    one = 1 + made.shape.multipliers.index(1.0)
    curves = made.curves(run, layer)
    steered = (curves[:, 0] + UNDER * (curves[:, one] - curves[:, 0])).astype(np.float32)
    return steered.astype(float) - curves[:, 0]


def test_mean_interval_and_shares(ablated: duckdb.DuckDBPyConnection, made: Synthetic) -> None:
    found = {row["layer"]: row for row in rows(ablated, "effects")}
    assert set(found) == {0, 1, 2}
    run = made.fitted()
    values, questions = effects(made, run), made.questions(run)
    row = found[1]
    assert (row["operator"], row["n_items"], row["complete"]) == ("ablate", values.size, True)
    assert row["effect"] == pytest.approx(values.mean(), abs=1e-6)
    assert row["sd_effect"] == pytest.approx(values.std(ddof=1), abs=1e-6)
    assert (row["effect_low"], row["effect_high"]) == pytest.approx(
        clustered.mean_interval(values, questions, 0.95), rel=1e-5
    )
    shares = row["against_fraction"], row["toward_fraction"], row["unmoved_fraction"]
    hits = values <= -1e-3, values >= 1e-3, abs(values) < 1e-3
    assert shares == pytest.approx([hit.mean() for hit in hits])
    assert (row["against_low"], row["against_high"]) == pytest.approx(
        clustered.hits_interval(hits[0], questions), abs=1e-9
    )
    assert row["effect_floor"] == 1e-3
    assert (row["n_multipliers"], row["multiplier_bound"]) == (1, None)


def test_nulls_stand_beside(ablated: duckdb.DuckDBPyConnection, made: Synthetic) -> None:
    row = next(row for row in rows(ablated, "effects") if row["layer"] == 1)
    for kind, k in (("random", made.shape.random), ("label_shuffled", made.shape.label_shuffled)):
        of_kind = [
            r for r in made.runs if (r.kind, r.concept, r.variant) == (kind, "concept0", "base")
        ]
        means = np.array([effects(made, run).mean() for run in of_kind])
        own = effects(made, made.fitted()).mean()
        t = (own - means.mean()) / (means.std(ddof=1) * np.sqrt(1 + 1 / k))
        assert row[f"{kind}_n"] == k == means.size
        assert row[f"{kind}_mean"] == pytest.approx(means.mean(), abs=1e-6)
        assert row[f"{kind}_p"] == pytest.approx(2 * st.t.sf(abs(t), k - 1), rel=1e-4)
        ranked = (1 + (abs(means) >= abs(own)).sum()) / (k + 1)
        assert row[f"{kind}_rank_p"] == pytest.approx(ranked)
    assert row["nulls"] == "5 random, 4 label_shuffled"


def test_errors_found_by_verify_raise_the_floor(
    ablated: duckdb.DuckDBPyConnection, made: Synthetic
) -> None:
    run = made.fitted()
    ablated.execute(
        "insert into verification by name select ? as run_id, ? as item_id, 1 as layer, "
        "1.0 as multiplier, 0.0 as logit_diff, 0.25 as reference, 1.0 as scale, 'e' as execution_id",
        [run.run_id, run.items[0].item_id],
    )
    row = next(row for row in rows(ablated, "effects") if row["layer"] == 1)
    assert row["effect_floor"] == pytest.approx(0.75)
    values = effects(made, run)
    assert row["unmoved_fraction"] == pytest.approx((abs(values) < 0.75).mean())


def test_the_chosen_layer_is_that_of_add(
    ablated: duckdb.DuckDBPyConnection, made: Synthetic
) -> None:
    ablated.execute("delete from experiment_run")
    (row,) = rows(ablated, "effects", layer="best")
    (chosen,) = ablated.execute(
        "select layer from best_layer where concept = 'concept0'"
    ).fetchall()
    assert (row["layer"],) == chosen


def test_a_chosen_layer_of_another_operator_where_add_is_not_there(
    ablated: duckdb.DuckDBPyConnection,
) -> None:
    before = ablated.execute("select count(*), count(distinct run_id) from chosen_layer").fetchone()
    assert before is not None
    assert before[0] == before[1] > 0
    ablated.execute("update run set operator = 'clamp' where operator = 'add'")
    assert (
        ablated.execute("select count(*), count(distinct run_id) from chosen_layer").fetchone()
        == before
    )


def test_slopes_are_as_they_were(ablated: duckdb.DuckDBPyConnection, made: Synthetic) -> None:
    slopes = made.slopes(made.fitted(), 1).mean()
    found = [r for r in rows(ablated, "steerability", concept="concept0") if r["layer"] == 1]
    assert [row["operator"] for row in found] == ["add", "add"]  # two variants
    assert slopes == pytest.approx(
        min((r["steerability"] for r in found), key=lambda s: abs(s - slopes))
    )
    for name in ("verdict", "curve_shape", "sign_stability", "item_slopes", "best_layer"):
        assert {row["operator"] for row in rows(ablated, name)} == {"add"}


def said(connection: duckdb.DuckDBPyConnection, name: str) -> list[str]:
    return [*notes(connection, get(name), answer(connection, name, {}), 9, {})]


def test_who_is_left_out_is_said(ablated: duckdb.DuckDBPyConnection) -> None:
    for name in ("steerability", "verdict"):
        assert any(
            "1 run(s) of operator ablate have no slope and are not among these" in line
            for line in said(ablated, name)
        )
    assert not any("no slope" in line for line in said(ablated, "effects"))


def test_an_empty_answer_says_which_analysis_to_ask(ablated: duckdb.DuckDBPyConnection) -> None:
    ablated.execute("delete from run where graded")
    (line,) = said(ablated, "steerability")
    assert line.endswith(
        "operator ablate has no slope: `steerhouse analyse effects` reports what it does"
    )
    ablated.execute("update run set graded = true")
    (line,) = said(ablated, "effects")
    assert line.endswith("have slopes: `steerhouse analyse steerability` reports them")
