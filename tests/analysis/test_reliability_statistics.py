"""The new reliability analyses against numpy, scipy and statsmodels on random tables."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import scipy.stats as st
from statsmodels.stats.multitest import multipletests

from tests.analysis import clustered
from tests.analysis.conftest import rows
from tests.analysis.simulated import FITTED, Asked, Family, Vector, warehouse

TABLES, QUESTIONS, DRAWS = 5, 24, 20
QUESTION = np.repeat(np.arange(QUESTIONS), 2)[:-1]  # one question has one item
OTHER = Vector("fitted", "pca")
LEAKED = QUESTION < 6
CONFIDENCE = np.where(QUESTION % 4 == 0, 0.7, 0.95)


def random_family() -> Family:
    draw = np.random.default_rng(7)
    shape = (TABLES, QUESTION.size)
    item = draw.normal(0.6, 0.8, (TABLES, QUESTIONS))[:, QUESTION] + draw.normal(0, 0.5, shape)
    slopes = {FITTED: item, OTHER: 0.8 * item + draw.normal(0, 0.3, shape)}
    for k in range(DRAWS):
        shift = draw.normal(0, 0.3, (TABLES, 1))
        slopes[Vector("resample", number=k)] = item + shift + draw.normal(0, 0.2, shape)
        slopes[Vector("resample", "pca", k)] = 0.8 * item + 0.7 * shift
    for kind in ("random", "label_shuffled"):
        for k in range(6):
            slopes[Vector("null", kind, k)] = draw.normal(0, 0.4, (TABLES, 1)) + draw.normal(0, 0.3, shape)  # fmt: skip
    place = np.arange(QUESTION.size) % 2
    answer = ["Yes" if n % 3 else "No" for n in range(QUESTION.size)]
    return Family("r", slopes, QUESTION, place, answer, CONFIDENCE, LEAKED)


FAMILY = random_family()
FITTED_SLOPES = FAMILY.slopes[FITTED].astype(np.float32).astype(float)


@pytest.fixture(scope="module")
def asked() -> Iterator[Asked]:
    with warehouse(FAMILY) as found:
        yield found


def table(asked: Asked, number: int, name: str, **given: Any) -> list[dict[str, Any]]:
    return rows(asked.connection, name, concept=f"r/{number}", **given)


def satterthwaite(a: float, df_a: float, b: float, df_b: float) -> int:
    return int((a + b) ** 2 / (a * a / df_a + b * b / df_b))


@pytest.mark.parametrize("number", range(TABLES))
def test_sign_stability(asked: Asked, number: int) -> None:
    (row,) = table(asked, number, "sign_stability", method="mean_difference")
    draws = np.array([FAMILY.slopes[Vector("resample", number=k)][number] for k in range(DRAWS)])
    rises, falls = (draws >= 1e-3).mean(axis=0) >= 0.95, (draws <= -1e-3).mean(axis=0) >= 0.95
    assert row["stable_positive_fraction"] == pytest.approx(rises.mean())
    assert row["stable_negative_fraction"] == pytest.approx(falls.mean())
    stable = rises | falls
    assert 0 < stable.mean() < 1
    assert row["sign_stable_fraction"] == pytest.approx(stable.mean())
    assert (row["sign_stable_low"], row["sign_stable_high"]) == pytest.approx(
        clustered.hits_interval(stable, QUESTION)
    )
    assert (row["stable_negative_low"], row["stable_negative_high"]) == pytest.approx(clustered.hits_interval(falls, QUESTION))  # fmt: skip
    assert row["chance_fraction"] == pytest.approx(2 * st.binom.sf(18, 20, 0.5))
    shuffled = np.array([FAMILY.slopes[Vector("null", "label_shuffled", k)][number] for k in range(6)])  # fmt: skip
    agree = np.maximum((shuffled >= 1e-3).mean(axis=0), (shuffled <= -1e-3).mean(axis=0)) >= 0.95
    assert row["label_shuffled_fraction"] == pytest.approx(agree.mean())
    assert (row["resamples"], row["nulls"], row["n_questions"]) == ("20", "6 label_shuffled", QUESTIONS)  # fmt: skip
    assert row["steerability"] == pytest.approx(FITTED_SLOPES[number].mean())


def test_without_resamples_a_run_says_so(asked: Asked) -> None:
    family = Family("none", {FITTED: np.ones((1, 8))}, np.arange(8))
    with warehouse(family) as other:
        (row,) = rows(other.connection, "sign_stability")
    assert (row["resamples"], row["nulls"], row["layer"]) == ("no resample", "no null", None)
    assert row["sign_stable_fraction"] is None


@pytest.mark.parametrize("number", range(TABLES))
def test_unconditional_interval(asked: Asked, number: int) -> None:
    (row,) = table(asked, number, "steerability", method="mean_difference")
    draws = [FAMILY.slopes[Vector("resample", number=k)][number].mean() for k in range(DRAWS)]
    a, b = clustered.mean(FITTED_SLOPES[number], QUESTION).bse[0] ** 2, np.var(draws, ddof=1)
    half = st.t.ppf(0.975, satterthwaite(a, QUESTIONS - 1, b, DRAWS - 1)) * np.sqrt(a + b)
    mean = FITTED_SLOPES[number].mean()
    ends = (row["unconditional_low"], row["unconditional_high"])
    assert ends == pytest.approx((mean - half, mean + half), rel=1e-6)
    assert (row["n_resamples"], row["resample_sd"]) == (DRAWS, pytest.approx(np.sqrt(b)))


@pytest.mark.parametrize("number", range(TABLES))
def test_sample_size_is_the_smallest_that_does(asked: Asked, number: int) -> None:
    (row,) = table(asked, number, "sample_size", method="mean_difference", half_width="0.15")
    sd = clustered.mean(FITTED_SLOPES[number], QUESTION).bse[0] * np.sqrt(QUESTIONS)

    def half(n: int) -> float:
        return float(st.t.ppf(0.975, n - 1) * sd / np.sqrt(n))

    assert row["sd_question"] == pytest.approx(sd)
    assert row["questions_for_steerability"] == next(n for n in range(3, 9999) if half(n) <= 0.15)
    assert row["questions_low"] < row["questions_for_steerability"] < row["questions_high"]
    low, high = clustered.hits_interval(FITTED_SLOPES[number] <= -1e-3, QUESTION)
    assert row["anti_steerable_half_width"] == pytest.approx((high - low) / 2)
    share, each = row["anti_steerable_fraction"], row["effective_per_question"]
    needed = row["questions_for_fraction"]
    widths = [
        np.ptp(clustered.fraction_interval(share, n * each, n)) / 2 for n in (needed - 1, needed)
    ]
    assert widths[1] <= 0.05 * 1.0005
    assert widths[0] > 0.05 * 0.9995
    residuals = np.bincount(QUESTION, FITTED_SLOPES[number] - FITTED_SLOPES[number].mean())
    n, z = QUESTIONS, st.norm.ppf(0.975)
    kurtosis = n * (residuals**4).sum() / (residuals**2).sum() ** 2
    c = n / (n - z)
    ends = np.log(c) / 2 + np.array([-1, 1]) * z * c / 2 * np.sqrt((kurtosis - (n - 3) / n) / (n - 1))  # fmt: skip
    expected = [(z * sd * np.exp(end) / 0.15) ** 2 + z * z / 2 for end in ends]
    assert [row["questions_low"], row["questions_high"]] == pytest.approx(expected, abs=2)


def test_nulls_and_resamples_needed(asked: Asked) -> None:
    for number in range(TABLES):
        (row,) = table(asked, number, "sample_size", method="mean_difference", family="4")
        (full,) = table(asked, number, "steerability", method="mean_difference")
        enough = []
        for kind in ("random", "label_shuffled"):
            gap = abs(full["steerability"] - full[f"{kind}_mean"]) / full[f"{kind}_sd"]
            grid = (2, 3, 4, 5, 6, 8, 10, 12, 15, 20, 30, 50, 100, 200, 500, 1000)
            passing = [k for k in grid if 2 * st.t.sf(gap / np.sqrt(1 + 1 / k), min(k - 1, 99)) <= 0.0125]  # fmt: skip
            enough.append(passing[0] if passing else None)
        assert row["nulls_needed"] == (None if None in enough else max(enough))
        assert row["rank_nulls_needed"] == 79
        assert 3 <= row["resamples_needed"] <= 1000


def test_sample_size_leaves_out_what_was_measured_on_fewer_items() -> None:
    """As in steerability: the mean over other items is another mean."""
    slopes = {vector: of_all[:1] for vector, of_all in FAMILY.slopes.items()}
    with warehouse(replace(FAMILY, slopes=slopes)) as other:

        def beside(name: str) -> tuple[int, str]:
            (row,) = rows(other.connection, name, method="mean_difference")
            return row["n_resamples"], row["nulls"]

        assert beside("sample_size") == (DRAWS, "6 random, 6 label_shuffled")
        other.connection.execute(
            "delete from measurement where item_id = (select min(item_id) from item) and run_id in "
            "(select min(run_id) from run_card where resample = 3 or method = 'random' group by role)"
        )
        assert beside("sample_size") == (DRAWS - 1, "5 random, 6 label_shuffled")
        assert beside("sample_size") == beside("steerability")


@pytest.mark.parametrize("number", range(TABLES))
def test_suspect_items(asked: Asked, number: int) -> None:
    found = {
        r["subset"]: r for r in table(asked, number, "suspect_items", method="mean_difference")
    }
    slopes = FITTED_SLOPES[number]
    removed = {
        "all": np.zeros(slopes.size, bool),
        "without_leaked": LEAKED,
        "without_low_confidence": CONFIDENCE < 0.8,
        "without_both": LEAKED | (CONFIDENCE < 0.8),
    }
    assert list(found) == list(removed)
    for name, gone in removed.items():
        row, kept = found[name], slopes[~gone]
        assert (row["n_removed"], row["n_items"]) == (gone.sum(), (~gone).sum())
        assert row["steerability"] == pytest.approx(kept.mean())
        low, high = clustered.mean(kept, QUESTION[~gone]).conf_int()[0]
        assert (row["steerability_low"], row["steerability_high"]) == pytest.approx((low, high))
        assert row["median_slope"] == pytest.approx(np.median(kept))
        assert row["anti_steerable_fraction"] == pytest.approx((kept <= -1e-3).mean())
        assert row["difference"] == pytest.approx(kept.mean() - slopes.mean(), abs=1e-9)
        if not gone.any():
            continue
        a = clustered.mean(kept, QUESTION[~gone]).bse[0] ** 2
        b = clustered.mean(slopes[gone], QUESTION[gone]).bse[0] ** 2
        sizes = len(set(QUESTION[~gone])) - 1, len(set(QUESTION[gone])) - 1
        df = satterthwaite(a, sizes[0], b, sizes[1])
        contrast = kept.mean() - slopes[gone].mean()
        half = st.t.ppf(0.975, df) * np.sqrt(a + b)
        ends = gone.mean() * (contrast - half), gone.mean() * (contrast + half)
        assert (row["difference_low"], row["difference_high"]) == pytest.approx(ends)
        assert row["p"] == pytest.approx(2 * st.t.sf(abs(contrast) / np.sqrt(a + b), df))


def test_q_of_suspect_items_is_scipys(asked: Asked) -> None:
    found = [r for r in rows(asked.connection, "suspect_items") if r["p"] is not None]
    assert [r["q"] for r in found] == pytest.approx(
        st.false_discovery_control([r["p"] for r in found])
    )


@pytest.mark.parametrize("number", range(TABLES))
def test_compare(asked: Asked, number: int) -> None:
    (row,) = table(asked, number, "compare")
    assert (row["method_a"], row["method_b"]) == ("mean_difference", "pca")
    other = FAMILY.slopes[OTHER][number].astype(np.float32).astype(float)
    difference = FITTED_SLOPES[number] - other
    fit = clustered.mean(difference, QUESTION)
    assert row["difference"] == pytest.approx(difference.mean())
    ends = (row["difference_low"], row["difference_high"])
    assert ends == pytest.approx(tuple(fit.conf_int()[0]))
    assert row["p"] == pytest.approx(fit.pvalues[0])
    one, two = (FITTED_SLOPES[number] <= -1e-3) * 1.0, (other <= -1e-3) * 1.0
    errors = [clustered.mean(values, QUESTION).bse[0] for values in (one, two, one - two)]
    r = (errors[0] ** 2 + errors[1] ** 2 - errors[2] ** 2) / (2 * errors[0] * errors[1])
    (l1, u1), (l2, u2) = (
        clustered.hits_interval(one, QUESTION),
        clustered.hits_interval(two, QUESTION),
    )
    p1, p2 = one.mean(), two.mean()
    low = p1 - p2 - np.sqrt((p1 - l1) ** 2 + (u2 - p2) ** 2 - 2 * r * (p1 - l1) * (u2 - p2))
    high = p1 - p2 + np.sqrt((u1 - p1) ** 2 + (p2 - l2) ** 2 - 2 * r * (u1 - p1) * (p2 - l2))
    assert (row["anti_steerable_low"], row["anti_steerable_high"]) == pytest.approx((low, high))
    gaps = [
        (FAMILY.slopes[Vector("resample", number=k)] - FAMILY.slopes[Vector("resample", "pca", k)])[number].mean()
        for k in range(DRAWS)
    ]  # fmt: skip
    a, b = fit.bse[0] ** 2, np.var(gaps, ddof=1)
    half = st.t.ppf(0.975, satterthwaite(a, QUESTIONS - 1, b, DRAWS - 1)) * np.sqrt(a + b)
    assert row["unconditional_high"] - row["difference"] == pytest.approx(half, rel=1e-5)
    assert row["n_resamples"] == DRAWS


def test_holm_is_statsmodels(asked: Asked) -> None:
    found = rows(asked.connection, "compare")
    expected = multipletests([r["p"] for r in found], method="holm")[1]
    assert len(found) == TABLES
    assert [r["p_holm"] for r in found] == pytest.approx(expected)


def test_a_named_pair_stands_as_it_was_named(asked: Asked) -> None:
    (row,) = table(asked, 0, "compare", a="pca", b="mean*")
    (usual,) = table(asked, 0, "compare")
    assert (row["method_a"], row["method_b"]) == ("pca", "mean_difference")
    assert row["difference"] == pytest.approx(-usual["difference"])
    assert table(asked, 0, "compare", a="pca", b="nobody") == []


def test_a_fraction_that_does_not_vary_has_no_correlation() -> None:
    """Where b moves nothing the wrong way, squares are added as for independent fractions."""
    one = np.ones((1, 20))
    one[0, :8] = -1
    question = np.repeat(np.arange(10), 2)
    with warehouse(Family("z", {FITTED: one, OTHER: np.ones((1, 20))}, question)) as found:
        (row,) = rows(found.connection, "compare")
    (l1, u1), (_, u2) = (
        clustered.hits_interval(one[0] < 0, question),
        clustered.hits_interval(one[0] > 2, question),
    )
    assert row["anti_steerable_low"] == pytest.approx(0.4 - np.hypot(0.4 - l1, u2))
    assert row["anti_steerable_high"] == pytest.approx(u1)
