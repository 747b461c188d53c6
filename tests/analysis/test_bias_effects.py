"""Effects in logits, the within-question split, the unsteered lean, answer mass and more factors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import statsmodels.api as sm
from scipy import stats
from statsmodels.stats.multitest import multipletests

from tests.analysis.bias_tables import Table, warehouse
from tests.analysis.conftest import rows


def ask(table: Table, name: str, **given: str) -> list[dict[str, Any]]:
    with warehouse([table]) as connection:
        return rows(connection, name, **given)


def singles(n: int = 30, seed: int = 0, runs: int = 1) -> Table:
    draw = np.random.default_rng(seed)
    first = (draw.random(n) < 0.3).astype(int)
    slopes = draw.normal(1, 1, (n, runs)) * (1 + first[:, None]) + first[:, None]
    baseline = draw.normal(0.3, 1, n) + 0.5 * first
    return Table("singles", np.arange(n), first, np.zeros(n, int), slopes, baseline)


def both_orders(n: int = 25, seed: int = 0) -> Table:
    draw = np.random.default_rng(seed)
    question, first = np.repeat(np.arange(n), 2), np.tile([1, 0], n)
    slopes = draw.normal(0.2, 1, n)[question] + draw.normal(0, 0.4, 2 * n) + 0.7 * first
    baseline = draw.normal(0, 1, n)[question] + draw.normal(0, 0.4, 2 * n) - 0.6 * first
    return Table("both", question, first, np.zeros(2 * n, int), slopes[:, None], baseline)


@pytest.mark.parametrize("seed", range(3))
def test_one_order_is_welchs_t(seed: int) -> None:
    table = singles(seed=seed)
    row = ask(table, "bias_effects")[0]
    side = table.first == 1
    for values, prefix in ((table.slopes[:, 0], "effect"), (table.baseline, "unsteered")):
        assert values is not None
        exact = stats.ttest_ind(values[side], values[~side], equal_var=False)
        p = row["p" if prefix == "effect" else "unsteered_p"]
        mean = row["effect" if prefix == "effect" else "unsteered_effect"]
        assert mean == pytest.approx(values[side].mean() - values[~side].mean(), abs=1e-6)
        # whole degrees of freedom, rounded down: never narrower
        floor = np.floor(exact.df)
        assert p == pytest.approx(2 * stats.t.sf(abs(exact.statistic), floor), abs=1e-6)
        half = stats.t.ppf(0.975, floor) * abs(mean / exact.statistic)
        assert row[f"{prefix}_high"] - mean == pytest.approx(half, abs=1e-5)
        assert mean - row[f"{prefix}_low"] == pytest.approx(half, abs=1e-5)


def test_both_orders_is_the_paired_t() -> None:
    table = both_orders()
    slope = table.slopes[:, 0]
    exact = stats.ttest_rel(slope[0::2], slope[1::2])
    interval = exact.confidence_interval(0.95)
    effect = ask(table, "bias_effects")[0]
    split = ask(table, "letter_or_concept")[0]
    for row, name in ((effect, "effect"), (split, "letter")):
        assert row[f"{name}_low"] == pytest.approx(interval.low, abs=1e-5)
        assert row[f"{name}_high"] == pytest.approx(interval.high, abs=1e-5)
    assert effect["p"] == pytest.approx(exact.pvalue, abs=1e-6)
    assert split["letter_p"] == pytest.approx(exact.pvalue, abs=1e-6)
    means = (slope[0::2] + slope[1::2]) / 2
    mean = stats.ttest_1samp(means, 0).confidence_interval(0.95)
    assert split["concept_effect"] == pytest.approx(means.mean(), abs=1e-6)
    assert split["concept_low"] == pytest.approx(mean.low, abs=1e-5)
    assert split["concept_high"] == pytest.approx(mean.high, abs=1e-5)
    led = (slope[0::2] * slope[1::2] < 0).mean()
    assert split["letter_led_fraction"] == pytest.approx(led)
    low, high = stats.binomtest(int(led * 25), 25).proportion_ci(method="wilson")
    assert split["letter_led_low"] == pytest.approx(low, abs=1e-6)
    assert split["letter_led_high"] == pytest.approx(high, abs=1e-6)
    parts = [split[f"{part}_share"] for part in ("letter", "question_by_letter", "question")]
    assert sum(parts) == pytest.approx(1)
    difference = (slope[0::2] - slope[1::2]) / 2
    assert parts[0] == pytest.approx(difference.mean() ** 2 / slope.var(), abs=1e-5)


def test_question_by_question() -> None:
    table = both_orders(n=12)
    slope = table.slopes[:, 0]
    found = ask(table, "question_split", layer="0")
    assert len(found) == 12
    effects = np.sort(slope[0::2] - slope[1::2])[::-1]
    assert [row["letter_effect"] for row in found] == pytest.approx(effects.tolist(), abs=1e-6)
    for row in found:
        assert row["letter_effect"] == pytest.approx(row["slope_first"] - row["slope_second"])
        follows = row["slope_first"] * row["slope_second"] < 0
        assert row["led_by"] == ("letter" if follows else "concept")
    letter = ask(table, "question_split", layer="0", led_by="letter")
    assert len(letter) == sum(row["led_by"] == "letter" for row in found) > 0


def test_the_unsteered_lean_is_apart_from_steering() -> None:
    table = both_orders(n=40)
    assert table.baseline is not None
    row = ask(table, "unsteered_bias")[0]
    exact = stats.ttest_rel(table.baseline[0::2], table.baseline[1::2])
    interval = exact.confidence_interval(0.95)
    assert row["lean"] == pytest.approx((table.baseline[0::2] - table.baseline[1::2]).mean() / 2, abs=1e-6)  # fmt: skip
    assert (row["lean_low"], row["lean_high"]) == pytest.approx((interval.low / 2, interval.high / 2), abs=1e-5)  # fmt: skip
    assert row["p"] == pytest.approx(exact.pvalue, abs=1e-6)
    chosen = ((table.baseline > 0) == (table.first == 1)).mean()
    assert row["chosen_fraction"] == pytest.approx(chosen)
    assert row["chosen_low"] < chosen < row["chosen_high"]
    share = np.corrcoef(table.first, table.baseline)[0, 1] ** 2
    assert row["share"] == pytest.approx(share, abs=1e-6)


def test_items_that_stop_answering() -> None:
    table = singles(n=40, seed=3)
    silent = np.random.default_rng(1).random(40) < 0.4
    table.logmass = np.where(silent, -2.0, -0.2)[:, None]
    row = ask(table, "bias_by_answer_mass")[0]
    slope = table.slopes[:, 0]
    exact = stats.ttest_ind(slope[silent], slope[~silent], equal_var=False)
    assert row["answering_fraction"] == pytest.approx((~silent).mean())
    assert row["difference"] == pytest.approx(slope[silent].mean() - slope[~silent].mean(), abs=1e-6)  # fmt: skip
    assert row["p"] == pytest.approx(2 * stats.t.sf(abs(exact.statistic), np.floor(exact.df)), abs=1e-6)  # fmt: skip
    one = (table.first == 1) & ~silent
    two = (table.first == 0) & ~silent
    assert row["letter_effect_answering"] == pytest.approx(slope[one].mean() - slope[two].mean(), abs=1e-6)  # fmt: skip
    table.logmass = np.full((40, 1), -0.2)
    row = ask(table, "bias_by_answer_mass")[0]
    assert (row["difference"], row["p"]) == (None, None)
    assert row["undetermined"] == "0 question(s) stop answering"


def test_q_is_benjamini_hochberg() -> None:
    table = singles(n=20, seed=5, runs=12)
    found = [row for row in ask(table, "bias_effects") if row["factor"] == "letter"]
    p, q = (np.array([row[name] for row in found]) for name in ("p", "q"))
    assert q == pytest.approx(multipletests(p, method="fdr_bh")[1], abs=1e-12)
    found = [r for r in ask(table, "bias_shares") if (r["kind"], r["factor"]) == ("order_free", "letter")]  # fmt: skip
    p, q = (np.array([row[name] for row in found]) for name in ("p", "q"))
    assert q == pytest.approx(multipletests(p, method="fdr_bh")[1], abs=1e-12)


def with_factors(seed: int = 0, n: int = 40) -> Table:
    draw = np.random.default_rng(seed)
    table = both_orders(n, seed)
    table.yes = (draw.random(n) < 0.5).astype(int)[table.question]
    table.columns = {
        "label_confidence": draw.uniform(0.6, 1, n)[table.question].round(3),
        "prompt_tokens": draw.integers(30, 90, n)[table.question],
        "extra": draw.integers(0, 30, n)[table.question],
        "unsteered_logmass": -draw.exponential(0.3, 2 * n).round(3),
    }
    table.slopes = table.slopes + 4 * table.columns["label_confidence"][:, None]
    return table


def test_drop_one_is_least_squares() -> None:
    table = with_factors()
    found = {row["factor"]: row for row in ask(table, "bias_factors", layer="0")}
    shorter = len("It does") - len("It does not")
    columns = {
        "letter": table.first,
        "yes_no": table.yes,
        "prompt_tokens": table.columns["prompt_tokens"],
        "length_difference": table.columns["extra"] + shorter,
        "label_confidence": table.columns["label_confidence"],
        "answer_mass": table.columns["unsteered_logmass"],
    }
    slope = table.slopes[:, 0]
    names = list(columns)
    full = sm.OLS(slope, sm.add_constant(np.column_stack(list(columns.values())))).fit()
    assert found["letter"]["explained"] == pytest.approx(full.rsquared, abs=1e-5)
    for number, name in enumerate(names):
        rest = np.column_stack([column for other, column in columns.items() if other != name])
        without = sm.OLS(slope, sm.add_constant(rest)).fit()
        assert found[name]["adds"] == pytest.approx(full.rsquared - without.rsquared, abs=1e-5)
        assert found[name]["effect"] == pytest.approx(full.params[1 + number], abs=1e-4)
        alone = np.corrcoef(slope, columns[name])[0, 1] ** 2
        assert found[name]["alone"] == pytest.approx(alone, abs=1e-5)
    assert found["label_confidence"]["p"] < 0.05
    assert found["swapped"]["undetermined"] == "a combination of the factors before it"


def test_factors_that_are_not_known_or_do_not_vary() -> None:
    table = with_factors()
    table.columns["label_confidence"][3] = np.nan
    table.columns["prompt_tokens"][:] = 50
    found = {row["factor"]: row for row in ask(table, "bias_factors", layer="0")}
    assert found["label_confidence"]["undetermined"] == "not known of every item"
    assert found["prompt_tokens"]["undetermined"] == "does not vary"
    assert found["prompt_tokens"]["adds"] is None
    assert found["letter"]["n_factors"] == 4
