"""The verdict: one table for each reason, and the rule of each number."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import duckdb
import numpy as np
import pytest

from tests.analysis.clustered import first_half
from tests.analysis.conftest import rows
from tests.analysis.simulated import FITTED, Asked, Family, Vector, warehouse

QUESTIONS = 60
QUESTION = np.repeat(np.arange(QUESTIONS), 2)
PLACE = np.tile([0, 1], QUESTIONS)
SIGN = 1.0 - 2 * PLACE
YES = np.where(QUESTION % 2 == 0, 1.0, -1.0)


def noise(number: int, size: int = QUESTION.size) -> np.ndarray:
    return np.random.default_rng(number).normal(0, 0.3, (1, size))


def family(name: str, slopes: np.ndarray, **given: Any) -> Family:
    options = {"positive_option": PLACE, "answer": np.where(YES > 0, "Yes", "No").tolist(), **given}
    return Family(name, {FITTED: slopes}, QUESTION, **options)


def few(questions: int) -> Family:
    n = 2 * questions
    return Family("few", {FITTED: 2 + noise(1, n)}, QUESTION[:n], PLACE[:n])


def with_nulls(name: str, shift: float) -> Family:
    """Fitted slopes of 2 beside twenty nulls whose steerability spreads by `shift`."""
    slopes = {FITTED: 2 + noise(2)}
    for k in range(20):
        slopes[Vector("null", "random", k)] = noise(k) + shift * np.sin(k)
    return Family(name, slopes, QUESTION, PLACE)


HALF_WRONG = np.where(QUESTION % 3 == 0, -1.0, 1.0)
EXPECTED = {
    "good": ("steers reliably", "run --nulls 20"),
    "part": ("steers in part", "anti_steerable_items"),
    "letter": ("only through a bias", "fit on both orders"),
    "answers": ("only through a bias", "as many questions with Yes"),
    "nothing": ("not beyond the null", "another layer"),
    "backwards": ("not beyond the null", "which option is called positive"),
    "few": ("cannot tell", "more items"),
    "one-letter": ("cannot tell", "both orders"),
    "four-letters": ("cannot tell", "both orders"),
    "five-letters": ("steers reliably", "run --nulls 20"),
    "letterless": ("steers reliably", "run --nulls 20"),
    "silent": ("cannot tell", "answer form"),
    "within-nulls": ("not beyond the null", "another layer"),
    "beyond-nulls": ("steers reliably", None),
}


def only(number: int) -> np.ndarray:
    """Return places: the positive option stands second in `number` questions alone."""
    return (np.arange(QUESTION.size) < 2 * number) & (PLACE == 1)


REMEDIED = [
    family("good", 2 + noise(0)),
    family("part", 2 * HALF_WRONG + 0.1 * noise(0)),
    family("letter", 2 * SIGN + 0.1 + noise(0)),
    family("answers", 2 * YES + 0.1 + noise(0)),
    family("one-letter", 2 + noise(0), positive_option=only(1)),
]
"""One that is well, and a few for which there are different things to do."""


@pytest.fixture(scope="module")
def asked() -> Iterator[Asked]:
    families = [
        *REMEDIED,
        family("nothing", noise(3) - noise(3).mean()),
        family("backwards", -2 + noise(0)),
        few(9),
        family("four-letters", 2 + noise(0), positive_option=only(4)),
        family("five-letters", 2 + noise(0), positive_option=only(5)),
        family("letterless", 2 + noise(0), positive_option=only(1), answer_format="yes_no"),
        family("silent", 2 + noise(0), answer_logmass=-2.0),
        with_nulls("within-nulls", 2.5),
        with_nulls("beyond-nulls", 0.2),
    ]
    with warehouse(*families) as found:
        yield found


def verdict(asked: Asked, name: str, **given: str) -> dict[str, Any]:
    (row,) = rows(asked.connection, "verdict", concept=f"{name}/0", **given)
    return row


@pytest.mark.parametrize("name", EXPECTED)
def test_verdicts(asked: Asked, name: str) -> None:
    row = verdict(asked, name)
    expected, remedy = EXPECTED[name]
    assert (row["verdict"], bool(row["because"])) == (expected, True), row["because"]
    assert row["remedy"] is None if remedy is None else remedy in row["remedy"]
    assert row["layer_by"] == "only_one"
    assert (row["nulls"] == "no null") == ("nulls" not in name)


def test_thresholds_are_parameters(asked: Asked) -> None:
    assert verdict(asked, "few", least_questions="9")["verdict"] == "steers in part"
    assert verdict(asked, "part", least_following="0.5")["verdict"] == "steers reliably"
    assert verdict(asked, "within-nulls", false_discovery="0.9")["verdict"] == "steers reliably"


def test_its_numbers_are_those_of_steerability(asked: Asked) -> None:
    for name in ("good", "within-nulls"):
        row = verdict(asked, name)
        (other,) = rows(asked.connection, "steerability", concept=f"{name}/0")
        for column in ("steerability", "steerability_low", "steerability_high", "random_p", "random_rank_p", "anti_steerable_fraction", "n_questions"):  # fmt: skip
            assert row[column] == pytest.approx(other[column]), column
    slopes = 2 * SIGN + 0.1 + noise(0)[0]
    row = verdict(asked, "letter")
    assert row["first_slope"] == pytest.approx(slopes[PLACE == 0].mean())
    assert row["second_slope"] == pytest.approx(slopes[PLACE == 1].mean())
    assert row["letter_share"] == pytest.approx(np.corrcoef(slopes, PLACE)[0, 1] ** 2)


def test_nulls_of_fewer_multipliers_are_no_yardstick(writable: duckdb.DuckDBPyConnection) -> None:
    """As in steerability: a null's slope over other multipliers is another slope."""
    known = {row["nulls"] for row in rows(writable, "verdict", layer="1")}
    assert known == {row["nulls"] for row in rows(writable, "steerability", layer="1")}
    assert known == {"5 random, 4 label_shuffled"}
    writable.execute(
        "delete from measurement where multiplier = 1.5 and run_id in "
        "(select run_id from run_card where method = 'label_shuffled')"
    )
    for name in ("steerability", "verdict", "sample_size"):
        assert {row["nulls"] for row in rows(writable, name, layer="1")} == {"5 random"}


def test_the_letter_is_projected_out_where_training_had_both_orders(asked: Asked) -> None:
    trained = Family("trained", {FITTED: 2 * SIGN + 0.1 + noise(0)}, QUESTION, PLACE)
    with warehouse(trained) as other:
        other.connection.execute(
            "insert into dataset_item by name select dataset_id, row, item_id, 'train' as split "
            "from dataset_item"
        )
        other.connection.execute(
            "insert into cell select run_id, layer, multiplier, 'test', 0, 120, 'e' "
            "from measurement group by all"
        )
        (row,) = rows(other.connection, "verdict")
    assert (row["train_first_fraction"], row["remedy"]) == (0.5, "project out the letter")


def test_an_unanswered_layer_choice_is_crossed() -> None:
    layers = np.stack([0.5 + noise(5), 2 + noise(6), 1.0 + noise(7)])
    with warehouse(Family("x", {FITTED: layers}, QUESTION, PLACE)) as found:
        (row,) = rows(found.connection, "verdict")
        assert (row["layer"], row["layer_by"], row["other_layer"]) == (1, "cross_fitted", None)
        assert row["steerability"] == pytest.approx(layers[1].mean(), abs=1e-6)
        (plain,) = rows(found.connection, "steerability", layer="1")
        width = row["steerability_high"] - row["steerability_low"]
        own = plain["steerability_high"] - plain["steerability_low"]
        assert width == pytest.approx(own * np.sqrt(1.36))
        (given,) = rows(found.connection, "verdict", layer="2")
        assert (given["layer"], given["layer_by"]) == (2, "given")
        found.connection.execute("update vector_layer set degenerate = layer = 1")
        (next_best,) = rows(found.connection, "verdict")
        assert (next_best["layer"], next_best["layer_by"]) == (2, "cross_fitted")
        (bad,) = rows(found.connection, "verdict", layer="1")
        assert (bad["verdict"], bad["remedy"]) == ("cannot tell", "another layer")


def test_each_half_is_reported_where_the_other_chose() -> None:
    """Layer 0 is better in one half of the questions, layer 1 in the other."""
    ids = [f"y/0/{q}" for q in QUESTION]
    half = np.isin(ids, [*first_half(set(ids))])
    layers = np.stack([np.where(half, 3.0, 1.0), np.where(half, 1.0, 3.0)])[:, None]
    with warehouse(Family("y", {FITTED: layers}, QUESTION, PLACE)) as found:
        (row,) = rows(found.connection, "verdict")
        assert row["steerability"] == pytest.approx(1)
        assert (row["layer"], row["other_layer"]) == (0, 1)


def test_validation_chooses_where_it_can(ask: Any) -> None:
    found = ask("verdict", concept="concept0")
    assert [(r["layer"], r["layer_by"], r["variant"]) for r in found] == [(1, "validation", "base")]
    assert found[0]["nulls"] == "5 random, 4 label_shuffled"


def test_remedies_fit_where_the_vector_comes_from() -> None:
    """Of others' results nothing can be fitted or measured anew; a file can be measured."""
    told: dict[str, dict[str, str | None]] = {}
    with warehouse(*REMEDIED) as found:
        for method in ("mean_difference", "file", "imported"):
            found.connection.execute("update vector set method = ?", [method])
            answer = rows(found.connection, "verdict")
            told[method] = {row["concept"].split("/")[0]: row["remedy"] for row in answer}
    for method, remedies in told.items():
        for name, remedy in remedies.items():
            words = (remedy or "").split("; ")
            assert any(word.startswith("fit on") for word in words) == (
                method == "mean_difference" and name in ("letter", "answers")
            ), (method, name, remedy)
        nulls = {name for name, remedy in remedies.items() if "--nulls 20" in (remedy or "")}
        assert nulls == (set() if method == "imported" else {"good", "part"})
    assert told["imported"]["good"] is None
    assert told["imported"]["letter"] == told["file"]["letter"]
    assert "another vector, fitted on both orders" in str(told["file"]["letter"])
    assert told["imported"]["one-letter"] == "results for both orders of every question"
