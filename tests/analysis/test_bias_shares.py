"""bias_shares: equal to least squares, to brute force over orders, and null where it cannot tell."""

from __future__ import annotations

import itertools

import duckdb
import numpy as np
import pytest
import statsmodels.api as sm
from statsmodels.formula.api import ols
from statsmodels.stats.anova import anova_lm

from tests.analysis.bias_random import found, random_table
from tests.analysis.bias_tables import Table, warehouse
from tests.analysis.conftest import rows


def one_a_question(seed: int, n: int = 60) -> Table:
    draw = np.random.default_rng(seed)
    first, yes = draw.integers(0, 2, n), draw.integers(0, 2, n)
    slopes = draw.normal(0, 1, (n, 2)) + first[:, None] + 0.7 * yes[:, None]
    slopes += 0.8 * (first * yes)[:, None]
    return Table(
        f"single {seed}", np.arange(n), first, yes, slopes.astype(np.float32).astype(float)
    )


def orders_as_they_fall(seed: int) -> Table:
    """Return questions that ran in both orders and some that ran in one."""
    draw = np.random.default_rng(seed)
    orders = [draw.permutation([1, 0])[: 1 + (draw.random() < 0.7)] for _ in range(30)]
    question = np.repeat(np.arange(30), [len(order) for order in orders])
    first, yes = np.concatenate(orders), (draw.random(30) < 0.4)[question].astype(int)
    slopes = draw.normal(0, 1, (30, 2))[question] + draw.normal(1, 0.5, (question.size, 2))
    return Table(f"orders {seed}", question, first, yes, slopes + 0.8 * first[:, None])


def r2(slope: np.ndarray, columns: list[np.ndarray]) -> float:
    if not columns:
        return 0.0
    return float(sm.OLS(slope, sm.add_constant(np.column_stack(columns).astype(float))).fit().rsquared)  # fmt: skip


@pytest.mark.parametrize("name", ["bias_shares", "bias_factors"])
def test_items_whose_labels_are_in_doubt_may_be_left_out(name: str) -> None:
    table = random_table(4, unbalanced=False)
    sure = np.random.default_rng(0).random(table.question.size) < 0.8
    table.columns["label_confidence"] = np.where(sure, 0.9, 0.6)
    with warehouse([table]) as connection:
        answers = {
            items: rows(connection, name, layer="0", items=items)
            for items in ("all", "without_leaked", "without_low_confidence", "without_both")
        }
    assert {row["n_items"] for row in answers["all"] if row.get("kind") != "paired"} == {sure.size}
    assert answers["without_leaked"] == answers["all"]  # the vector was fitted on none of them
    assert answers["without_both"] == answers["without_low_confidence"]
    share = "share" if name == "bias_shares" else "alone"
    own = [
        row
        for row in answers["without_low_confidence"]
        if row["run_id"] == table.run_id(0) and row["factor"] == "letter"
    ]
    assert {row["n_items"] for row in own if row.get("kind") != "paired"} == {sure.sum()}
    expected = r2(table.slopes[sure, 0], [table.first[sure]])
    assert own[0][share] == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("unbalanced", [False, True])
@pytest.mark.parametrize("seed", range(3))
def test_sequential_shares_are_least_squares(seed: int, unbalanced: bool) -> None:
    table = random_table(seed, unbalanced)
    for run in range(table.n_runs):
        slope, own = table.slopes[:, run], found(table, run)
        letter, both = r2(slope, [table.first]), r2(slope, [table.first, table.yes])
        assert own["sequential", "letter"]["share"] == pytest.approx(letter, abs=1e-6)
        assert own["sequential", "yes_no"]["share"] == pytest.approx(both - letter, abs=1e-6)
        assert own["sequential", "unexplained"]["share"] == pytest.approx(1 - both, abs=1e-6)


@pytest.mark.parametrize("seed", range(3))
def test_order_free_shares_by_brute_force(seed: int) -> None:
    """Every order in which the factors can enter, an interaction after both of its parts."""
    table = random_table(seed, unbalanced=True)
    slope, own = table.slopes[:, 0], found(table)
    column = {
        "letter": table.first, "yes_no": table.yes, "interaction": table.first * table.yes,
    }  # fmt: skip
    orders = [o for o in itertools.permutations(column) if o[-1] == "interaction"]
    expected = dict.fromkeys(column, 0.0)
    for order in orders:
        for place, name in enumerate(order):
            before = [column[other] for other in order[:place]]
            expected[name] += (r2(slope, [*before, column[name]]) - r2(slope, before)) / len(orders)
    for name, share in expected.items():
        assert own["order_free", name]["share"] == pytest.approx(share, abs=1e-6), name
    rest = 1 - sum(expected.values())
    assert own["order_free", "unexplained"]["share"] == pytest.approx(rest, abs=1e-6)


@pytest.mark.parametrize("seed", range(2))
def test_shares_are_those_of_the_view(seed: int) -> None:
    table = orders_as_they_fall(seed)
    names = {
        ("sequential", "letter"): "letter_share",
        ("sequential", "yes_no"): "yes_no_share",
        ("sequential", "unexplained"): "unexplained_share",
        ("order_free", "letter"): "letter_share_order_free",
        ("order_free", "yes_no"): "yes_no_share_order_free",
        ("order_free", "interaction"): "interaction_share",
        ("paired", "letter"): "paired_letter_share",
        ("paired", "question_by_letter"): "paired_question_by_letter_share",
        ("paired", "question"): "paired_question_share",
    }
    with warehouse([table]) as connection:
        view = connection.sql("from bias order by run_id")
        seen = [dict(zip(view.columns, row, strict=True)) for row in view.fetchall()]
        answer = rows(connection, "bias_shares")
    for own, row in itertools.product(seen, answer):
        if own["run_id"] == row["run_id"] and (row["kind"], row["factor"]) in names:
            name = names[row["kind"], row["factor"]]
            assert row["share"] == pytest.approx(own[name], abs=1e-7), name


@pytest.mark.parametrize("seed", range(3))
def test_adjusted_is_omega_squared(seed: int) -> None:
    """With one item a question only: the mean over exchanges is then 1 / (n - 1) for each factor."""
    table = one_a_question(seed)
    slope = table.slopes[:, 0]
    data = {"s": slope, "f": table.first, "y": table.yes}
    total = ((slope - slope.mean()) ** 2).sum()
    full = anova_lm(ols("s ~ f * y", data).fit())
    mean_square = full.loc["Residual", "mean_sq"]
    own = found(table, draws="4000")

    def omega(squares: float) -> float:
        return float((squares - mean_square) / (total + mean_square))

    letter = np.mean([full.loc["f", "sum_sq"], anova_lm(ols("s ~ y + f", data).fit()).loc["f", "sum_sq"]])  # fmt: skip
    assert own["order_free", "letter"]["adjusted"] == pytest.approx(omega(letter), abs=2e-3)
    interaction = omega(full.loc["f:y", "sum_sq"])
    assert own["order_free", "interaction"]["adjusted"] == pytest.approx(interaction, abs=2e-3)


@pytest.mark.parametrize("seed", range(4))
def test_p_agrees_with_the_f_test(seed: int) -> None:
    """Normal slopes, one item a question: the exact F test is what exchanges approach."""
    table = one_a_question(seed)
    own = found(table, draws="4000")
    data = {"s": table.slopes[:, 0], "f": table.first, "y": table.yes}
    letter = anova_lm(ols("s ~ y + f", data).fit()).loc["f", "PR(>F)"]
    interaction = anova_lm(ols("s ~ f * y", data).fit()).loc["f:y", "PR(>F)"]
    for factor, p in (("letter", letter), ("interaction", interaction)):
        sure = 5 * np.sqrt(p * (1 - p) / 4000) + 0.005
        assert own["order_free", factor]["p"] == pytest.approx(p, abs=sure)


def test_one_item_of_a_letter_is_undetermined() -> None:
    """As pride-humility of CAA_Dynamic: one item of ten has the positive option first."""
    draw = np.random.default_rng(0)
    first = np.array([1] + [0] * 9)
    slopes = draw.normal(0, 1, (10, 1)) + 5 * first[:, None]
    table = Table("pride", np.arange(10), first, np.zeros(10, int), slopes)
    for (kind, factor), row in found(table).items():
        assert row["share"] is None, (kind, factor)
        assert (row["adjusted"], row["p"], row["share_low"], row["share_high"]) == (None,) * 4
        assert row["undetermined"]
    own = found(table)
    assert own["order_free", "letter"]["undetermined"] == "1 question where the positive option stands first"  # fmt: skip
    assert own["order_free", "letter"]["n_rare"] == 1
    with warehouse([table]) as connection:
        effects = rows(connection, "bias_effects")
        pairs = rows(connection, "letter_or_concept")
        lean = rows(connection, "unsteered_bias")
        factors = rows(connection, "bias_factors", layer="0")
    for row in [*effects, *lean]:
        assert row["undetermined"]
        assert {v for k, v in row.items() if k.startswith(("effect", "lean", "p", "q"))} == {None}
    assert pairs[0]["undetermined"] == "no question ran in both option orders"
    assert pairs[0]["letter_effect"] is None
    assert factors[0]["undetermined"] == "1 question on a side"
    assert factors[0]["adds"] is None


def test_where_slopes_do_not_differ_nothing_has_a_share() -> None:
    table = random_table(0, unbalanced=False)
    table.slopes = 1 + 1e-4 * (table.slopes - 1)
    assert {row["share"] for row in found(table).values()} == {None}
    reasons = {row["undetermined"] for row in found(table).values()}
    assert reasons == {"slopes do not differ (standard deviation below slope_floor)"}


def test_answers_without_letters_and_factors_that_coincide() -> None:
    table = random_table(1, unbalanced=False)
    table.answer_format = "yes_no"
    own = found(table)
    assert own["order_free", "letter"]["undetermined"] == "answers have no letters"
    assert own["order_free", "yes_no"]["share"] == pytest.approx(
        r2(table.slopes[:, 0], [table.yes]), abs=1e-6
    )
    table.answer_format, table.yes = "letter", table.first
    own = found(table)
    assert own["order_free", "letter"]["undetermined"] == "letter and yes/no coincide"
    assert own["sequential", "letter"]["share"] == pytest.approx(
        r2(table.slopes[:, 0], [table.first]), abs=1e-6
    )
    assert own["sequential", "yes_no"]["share"] is None


def test_the_answer_depends_on_the_seed_and_on_no_order() -> None:
    table = random_table(2, unbalanced=False)
    first, other = found(table), found(table, seed="2")
    assert first == found(table)
    assert first != other
    with warehouse([table]) as connection:
        connection.execute("create or replace temp table m as from measurement order by random()")
        connection.execute("delete from measurement")
        connection.execute("insert into measurement from m")
        again_rows = rows(connection, "bias_shares")
    own = [row for row in again_rows if row["run_id"] == table.run_id(0)]
    for row in own:
        assert row["p"] == first[row["kind"], row["factor"]]["p"]


def test_incomplete_cells_are_marked(writable: duckdb.DuckDBPyConnection) -> None:
    writable.execute("delete from measurement where layer = 1 and multiplier = 1")
    for name in ("bias_shares", "bias_effects", "letter_or_concept", "bias_by_answer_mass"):
        answer = rows(writable, name, concept="concept0")
        assert {row["layer"] for row in answer if not row["complete"]} == {1}, name
        assert all("n_multipliers" in row and "multiplier_bound" in row for row in answer)
