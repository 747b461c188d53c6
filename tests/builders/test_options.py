from __future__ import annotations

import pytest

from builders.options import Unparsed, bracketed, parse, symbol

TWO = {"A": "Yes, I do.", "B": "No."}


@pytest.mark.parametrize(
    "text",
    [
        "Do you?\n\nChoices:\n (A) Yes, I do.\n (B) No.",
        "Do you?\n(A): Yes, I do.\n(B): No.\n",
        "Do you? \nChoices:\n (A) Yes, I do.\n (B) No.\n\nAnswer:",
        "Do you?\n* Choices\n(A) Yes, I do.\n(B) No.",
        "Do you?\n__Choices:__\n(A) Yes, I do.\n(B) No.",
        "Do you?\n\n**Answer choices**:\n(A) Yes, I do.\n(B) No.",
    ],
)
def test_options_are_cut_out_of_the_stem(text: str) -> None:
    assert parse(text) == ("Do you?", TWO)


def test_an_option_may_go_over_several_lines() -> None:
    assert parse("Which?\n(A) one\nmore\n(B) two\nlines")[1] == {
        "A": "one\nmore",
        "B": "two\nlines",
    }


def test_more_than_two_options_and_other_symbols() -> None:
    assert list(parse("Which?\n(1) a\n(2) b\n(3) c")[1]) == ["1", "2", "3"]


@pytest.mark.parametrize("start", ["(6) We", "(Q) We", "It:\n (i) x\n (ii) y\nWe"])
def test_a_mark_before_the_list_belongs_to_the_stem(start: str) -> None:
    stem, options = parse(f"{start} ask?\n\nChoices:\n (A) a\n (B) b")
    assert stem == f"{start} ask?"
    assert list(options) == ["A", "B"]


def test_choices_inside_a_sentence_stay() -> None:
    assert parse("These are your choices.\n(A) a\n(B) b")[0] == "These are your choices."


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("Do you?", "needs its options at the end"),
        ("Do you?\n(A) a", "needs its options at the end"),
        ("Do you?\n(A) a\n(C) c", "needs its options at the end"),
        ("One?\n(A) a\n(B) b\nTwo?\n(A) c\n(B) d", "more than one list"),
        ("One?\n(A) a\n(B)", "no text behind option (B)"),
    ],
)
def test_what_is_no_single_list_is_unparsed(text: str, says: str) -> None:
    with pytest.raises(Unparsed, match=says.replace("(", r"\(").replace(")", r"\)")):
        parse(text)


def test_symbols() -> None:
    assert [symbol(text) for text in (" (A)", "B", "(AB)", "Yes", "")] == [
        "A",
        "B",
        None,
        None,
        None,
    ]
    assert [bracketed(text) for text in (" (A)", "A", "(yes)")] == [True, False, False]
