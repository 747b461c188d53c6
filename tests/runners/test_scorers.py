"""Scorers that are functions of a rollout, against values worked out by hand."""

from __future__ import annotations

import pytest

from runners.scoring.ratings import NoRating, rating, score
from runners.scoring.repeats import distinct, fresh_share, units
from runners.scoring.rollouts import Rollout, read_text
from runners.scoring.words import pattern, presence, share
from specs.schema import Scale


def rollout(text: str, tokens: list[int] | None = None, prompt: str = "I think") -> Rollout:
    return Rollout("r", prompt, text, tokens or [], -1.0)


@pytest.mark.parametrize(
    ("words", "text", "expected"),
    [
        (["love"], "I Love it.", 1),
        (["love"], "a glove, lovely", 0),
        (["love*"], "a glove, lovely", 1),
        (["love"], "self-love; love's", 1),
        (["wedding dress"], "a wedding\n  dress", 1),
        (["wedding dress"], "a weddingdress", 0),
        (["été"], "un e\u0301te\u0301 chaud", 1),
        (["été"], "un étée", 0),
        (["it's"], "and it’s done", 1),
        (["C++"], "in C++, of course", 1),
        (["a.b"], "axb", 0),
        (["love"], "", 0),
    ],
)
def test_whole_words(words: list[str], text: str, expected: float) -> None:
    assert presence(text, pattern(words, "ignore")) == expected


def test_case_matters_where_it_is_to() -> None:
    assert presence("paris and Rome", pattern(["Paris"], "match")) == 0
    assert presence("Paris and Rome", pattern(["Paris"], "match")) == 1


def test_the_share_counts_words_of_phrases_and_never_twice() -> None:
    sought = pattern(["wedding", "wedding dress", "bride*"], "ignore")
    assert share("The wedding dress of two brides", sought) == pytest.approx(3 / 6)
    assert share("wedding wedding, WEDDING!", sought) == 1
    assert share("", sought) == 0
    assert share("?!", sought) == 0


def test_what_is_read() -> None:
    assert read_text(rollout(" so"), "text") == " so"
    assert read_text(rollout(" so"), "prompt_and_text") == "I think so"


def test_repetition_looks_back_so_far_only() -> None:
    assert fresh_share([1, 2, 1, 3], 128) == pytest.approx(3 / 4)
    assert fresh_share([1, 2, 1, 3], 1) == 1
    assert fresh_share([1, 1, 1, 1], 1) == pytest.approx(1 / 4)
    assert fresh_share([], 5) == 1
    # Welleck et al. by hand: of [a b c a b c], within 2 nothing repeats, within 3 the last three do.
    assert [fresh_share(list("abcabc"), window) for window in (2, 3)] == [1, 0.5]


def test_distinct_n_by_counting() -> None:
    assert distinct([1, 2, 1, 2, 3], 2) == pytest.approx(3 / 4)
    assert distinct([5] * 8, 3) == pytest.approx(1 / 6)
    assert distinct([5] * 8, 1) == pytest.approx(1 / 8)
    assert distinct([5], 2) == 1


def test_units_are_tokens_or_words() -> None:
    one = rollout("Go, go; don’t", [7, 8, 9])
    assert units(one, "tokens") == [7, 8, 9]
    assert units(one, "words") == ["go", "go", "don't"]


TEN = Scale(low=1.0, high=10.0)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("7", 7), (" 7.\n", 7), ("Rating: 7/10", 7), ("7 out of 10", 7), ("**10**", 10), ("7.5", 7.5),
        ("I say 7. Yes, 7!", 7), ("1", 1),
    ],
)  # fmt: skip
def test_the_one_number_of_an_answer(answer: str, expected: float) -> None:
    assert rating(answer, TEN, None) == expected


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ("", "empty"), ("seven", "no number"), ("11", "not within 1 to 10"), ("0", "not within"),
        ("-3", "-3 is not within"), ("between 3 and 5", "2 different numbers"), ("3,5", "no number"), ("GPT4o", "no number"),
        ("1e3", "no number"),
    ],
)  # fmt: skip
def test_an_answer_that_leaves_it_open_is_no_rating(answer: str, why: str) -> None:
    with pytest.raises(NoRating, match=why):
        rating(answer, TEN, None)


def test_ratings_in_json() -> None:
    assert rating('```json\n{"why": "9 of 10", "rating": 4}\n```', TEN, "rating") == 4
    for answer, why in (
        ('{"rating": 4', "not JSON"),
        ('{"rating": "4"}', "no number 'rating'"),
        ('{"rating": true}', "no number"),
        ("[4]", "no number"),
        ('{"rating": NaN}', "not within"),
        ('{"rating": 40}', "not within"),
    ):
        with pytest.raises(NoRating, match=why):
            rating(answer, TEN, "rating")


def test_a_rating_scores_as_in_the_paper() -> None:
    assert [score(r, TEN) for r in (1, 5.5, 10)] == [0, 0.5, 1]
