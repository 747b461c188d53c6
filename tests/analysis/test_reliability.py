from __future__ import annotations

from typing import Any

import duckdb
import numpy as np
import pytest

from tests.analysis import clustered
from tests.analysis.conftest import Ask, rows
from tests.analysis.truth import Synthetic

BASE: dict[str, Any] = {"concept": "concept0"}


def base(found: list[dict[str, Any]], **equal: Any) -> list[dict[str, Any]]:
    wanted = {"variant": "base", **equal}
    return [row for row in found if all(row[key] == value for key, value in wanted.items())]


def test_propensity_curve(ask: Ask, made: Synthetic) -> None:
    run = made.fitted()
    found = base(ask("propensity_curve", layer="1", **BASE))
    curves = dict(zip((0.0, *made.shape.multipliers), made.curves(run, 1).T, strict=True))
    assert [row["multiplier"] for row in found] == sorted(curves)
    for row in found:
        values = curves[row["multiplier"]]
        assert row["mean_logit_diff"] == pytest.approx(values.mean(), abs=1e-9)
        interval = (row["logit_diff_low"], row["logit_diff_high"])
        assert interval == pytest.approx(
            clustered.mean_interval(values, made.questions(run)), rel=1e-8
        )
        assert row["mean_positive_prob"] == pytest.approx((1 / (1 + np.exp(-values))).mean())
        assert row["positive_fraction"] == pytest.approx((values > 0).mean())
        assert (row["n_multipliers"], row["multiplier_bound"], row["complete"]) == (7, 1.5, True)


def test_answer_mass(ask: Ask, made: Synthetic) -> None:
    run = made.fitted()
    rows_ = [n for n, item in enumerate(run.items) if item.split == "test"]
    found = {row["multiplier"]: row for row in base(ask("answer_mass", layer="2", **BASE))}
    for number, multiplier in enumerate(made.shape.multipliers):
        mass = run.answer_logmass[rows_, 2, number].astype(float)
        row = found[multiplier]
        assert row["mean_answer_logmass"] == pytest.approx(mass.mean())
        assert row["least_answer_logmass"] == pytest.approx(mass.min())
        low = np.exp(mass) < 0.5
        assert row["low_mass_fraction"] == pytest.approx(low.mean())
        questions = made.questions(run)
        interval = (row["answer_logmass_low"], row["answer_logmass_high"])
        assert interval == pytest.approx(clustered.mean_interval(mass, questions), rel=1e-6)
        interval = (row["low_mass_low"], row["low_mass_high"])
        expected = clustered.hits_interval(low, questions)
        assert interval == pytest.approx(expected, abs=1e-9)
    assert any(0 < row["low_mass_fraction"] < 1 for row in found.values())
    assert found[0.0]["mean_answer_logmass"] == pytest.approx(-0.25)
    assert found[0.0]["low_mass_fraction"] == 0
    assert len({row["mean_prefix_logprob"] for row in found.values()}) == 1
    kept = [item for item in made.items["concept0"] if item.split != "train"]
    prefix = [
        p
        for p, item in zip(np.linspace(-1, 0, len(kept)), kept, strict=True)
        if item.split == "test"
    ]
    assert found[0.0]["mean_prefix_logprob"] == pytest.approx(np.mean(prefix), rel=1e-6)


def test_item_slopes(ask: Ask, made: Synthetic) -> None:
    run = made.fitted()
    found = {row["item_id"]: row for row in base(ask("item_slopes", layer="1", **BASE))}
    items = [item for item in run.items if item.split == "test"]
    for item, slope in zip(items, made.slopes(run, 1), strict=True):
        row = found[item.item_id]
        assert row["slope"] == pytest.approx(slope, abs=1e-6)
        assert row["anti_steerable"] == (slope <= -1e-3)
        assert (row["positive_option"], row["option_order"]) == (item.positive_option, item.order)
    assert len(found) == len(items)


def test_anti_steerable_items(ask: Ask, made: Synthetic) -> None:
    run = made.fitted()
    found = base(ask("anti_steerable_items", **BASE))
    slopes = made.slopes(run, 1)
    assert {row["layer"] for row in found} == {1}  # the one that validation chose
    assert [row["slope"] for row in found] == pytest.approx(sorted(slopes[slopes <= -1e-3]))
    assert len(found) == found[0]["n_anti_steerable"] > 2
    items = [item for item in run.items if item.split == "test"]
    of_item = {item.item_id: slope for item, slope in zip(items, slopes, strict=True)}
    for row in found:
        assert row["question"] == f"Question {row['question_id']}?"
        assert (row["positive_text"], row["negative_text"]) == ("It does", "It does not")
        others = [
            of_item[i.item_id]
            for i in items
            if i.question_id == row["question_id"] and i.item_id != row["item_id"]
        ]
        expected = pytest.approx(np.mean(others)) if others else None
        assert row["other_order_slope"] == expected


def test_anti_steerable_items_takes_the_worst(ask: Ask) -> None:
    found = base(ask("anti_steerable_items", most="2", layer="2", **BASE))
    assert [(row["rank"], row["layer"]) for row in found] == [(1, 2), (2, 2)]


@pytest.mark.parametrize(
    "name",
    [
        "steerability",
        "propensity_curve",
        "item_slopes",
        "slope_window",
        "answer_mass",
        "anti_steerable_items",
    ],
)
def test_layers(ask: Ask, writable: duckdb.DuckDBPyConnection, name: str) -> None:
    def layers(**given: str) -> set[int]:
        return {row["layer"] for row in ask(name, **given)}

    assert layers(layer="null") == {0, 1, 2}
    assert layers(layer="2") == {2}
    assert layers(layer="best") == {1}
    assert layers(layer="best", role="null", method="random") == set()  # nulls choose nothing
    writable.execute("update dataset_item set split = 'train' where split = 'validation'")
    assert {row["layer"] for row in rows(writable, name, layer="best")} == {1}  # the test split's


def test_each_method_has_its_own_best_layer(writable: duckdb.DuckDBPyConnection) -> None:
    writable.execute(
        "update measurement set logit_diff = 9 * multiplier where layer = 2 and item_id in "
        "(select item_id from dataset_item join name on id = dataset_id "
        "where split = 'validation' and name = 'concept1')"
    )
    found = rows(writable, "steerability", layer="best")
    assert {(row["concept"], row["layer"]) for row in found} == {("concept0", 1), ("concept1", 2)}


def test_best_layer(ask: Ask, made: Synthetic) -> None:
    run = made.fitted()
    (row,) = ask("best_layer", **BASE)
    assert row["layer"] == 1
    assert row["n_candidates"] == 2  # layer 0 is degenerate
    validation, test = made.slopes(run, 1, "validation"), made.slopes(run, 1, "test")
    assert row["validation_steerability"] == pytest.approx(validation.mean(), abs=1e-9)
    assert row["test_steerability"] == pytest.approx(test.mean(), abs=1e-9)
    assert (row["n_validation_items"], row["n_test_items"]) == (validation.size, test.size)
    assert (row["test_best_layer"], row["test_best_steerability"]) == (1, row["test_steerability"])
    (steerability,) = base(ask("steerability", **BASE), layer=1)
    interval = (steerability["steerability_low"], steerability["steerability_high"])
    assert (row["test_low"], row["test_high"]) == pytest.approx(interval)


def test_validation_chooses_and_test_only_reports(
    writable: duckdb.DuckDBPyConnection, made: Synthetic
) -> None:
    writable.execute(
        "update measurement set logit_diff = 9 * multiplier where layer = 2 and item_id in "
        "(select item_id from dataset_item where split = 'validation')"
    )
    (row,) = rows(writable, "best_layer", concept="concept0")
    assert (row["layer"], row["test_best_layer"]) == (2, 1)
    assert row["test_steerability"] == pytest.approx(made.slopes(made.fitted(), 2).mean(), abs=1e-9)


def test_slope_window(ask: Ask, made: Synthetic) -> None:
    run = made.fitted()
    (row,) = base(ask("slope_window", **BASE), layer=1)
    items = [item for item in run.items if item.split == "test"]
    letter = np.array([item.positive_option for item in items])
    for name, bound in (("0_5", 0.5), ("1", 1.0), ("1_5", 1.5), ("all", np.inf)):
        slopes = made.slopes(run, 1, bound=bound)
        assert row[f"steerability_{name}"] == pytest.approx(slopes.mean(), abs=1e-9)
        anti, questions = slopes <= -1e-3, made.questions(run)
        assert row[f"anti_steerable_fraction_{name}"] == pytest.approx(anti.mean())
        interval = tuple(row[f"steerability_{name}_{end}"] for end in ("low", "high"))
        assert interval == pytest.approx(clustered.mean_interval(slopes, questions), rel=1e-8)
        interval = tuple(row[f"anti_steerable_fraction_{name}_{end}"] for end in ("low", "high"))
        expected = clustered.hits_interval(anti, questions)
        assert interval == pytest.approx(expected, abs=1e-9)
        share = np.corrcoef(slopes, letter)[0, 1] ** 2
        assert row[f"letter_share_{name}"] == pytest.approx(share, abs=1e-6)
    assert [row[f"n_multipliers_{n}"] for n in ("0_5", "1", "1_5", "all")] == [3, 5, 7, 7]


def test_answers_without_letters_have_no_letter_share(
    writable: duckdb.DuckDBPyConnection,
) -> None:
    writable.execute("update dataset set answer_format = 'yes_no'")
    found = rows(writable, "slope_window")
    assert {row["letter_share_1_5"] for row in found} == {None}
