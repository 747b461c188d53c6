from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from builders.questions import Question, questions
from builders.sources import Located, Source
from builders.stems import normalise, question_id
from specs.faults import Refused
from specs.schema import Concept, Fields

Make = Callable[..., Concept]
CHOICES = "Take it?\n\nChoices:\n (A) Yes, all.\n (B) No, none."


def source(
    *rows: dict[str, Any],
    kind: str = "file",
    remove: tuple[str, ...] = (),
    fields: Fields | None = None,
) -> Source:
    return Source(kind, "rows.csv", fields or Fields(), remove, list(rows), Located(None, "0"))


def row(
    question: Any = "Take it?", positive: Any = "Yes", negative: Any = "No", **more: Any
) -> dict[str, Any]:
    return {"question": question, "positive": positive, "negative": negative, **more}


def one(concept: Concept, given: dict[str, Any], **keys: Any) -> Question:
    kept, _ = questions(concept, source(given, **keys))
    return kept[0]


def test_option_texts_come_positive_first(concept: Make) -> None:
    found = one(
        concept(),
        row(" Take it? ", " Yes", " No ", label_confidence="0.9", mood="calm", n=float("nan")),
    )
    assert (found.stem, found.options, found.positive) == ("Take it?", ("Yes", "No"), 0)
    assert (found.label_confidence, found.source_row) == (0.9, 1)
    assert found.source_fields == {"mood": "calm", "n": None}


@pytest.mark.parametrize(("positive", "negative", "index"), [(" (B)", " (A)", 1), ("A", "B", 0)])
def test_symbols_pick_options_and_keep_their_order(
    concept: Make, positive: str, negative: str, index: int
) -> None:
    found = one(concept(), row(CHOICES, positive, negative))
    assert found.options == ("Yes, all.", "No, none.")
    assert (found.stem, found.positive) == ("Take it?", index)


def test_a_single_letter_is_a_text_where_the_question_lists_none(concept: Make) -> None:
    assert one(concept(), row("Which?", "A", "B")).options == ("A", "B")


def test_matches_of_remove_are_cut_out(concept: Make) -> None:
    found = one(concept(), row("Be a<META>x\ny<END> trustee?"), remove=("(?s)<META>.*?<END>",))
    assert found.stem == "Be a trustee?"


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (row("  "), "the question is empty"),
        (row(None), "the question is empty"),
        (row('"'), "the question is empty"),
        (row(positive=""), "the positive option is empty"),
        (row(negative="Yes "), "both options are 'Yes'; they must differ"),
        (row("Take it?\n(A) Yes\n(B) Yes", "(A)", "(B)"), "both options are 'Yes'"),
        (row(CHOICES, "(A)", "(A)"), "both options are '(A)'"),
        (row(CHOICES, "(A)", "(C)"), "the answer (C) is none of (A), (B)"),
        (row("Take it?", "(A)", "(B)"), "needs its options at the end"),
        (row(7), "question is 7, no text"),
        (row(label_confidence="high"), "label_confidence is 'high'"),
        (row(label_confidence=1.5), "label_confidence is 1.5"),
    ],
)
def test_a_row_at_fault_is_an_error_of_its_writer_and_left_out_of_a_hub_source(
    concept: Make, given: dict[str, Any], says: str
) -> None:
    with pytest.raises(Refused) as caught:
        questions(concept(), source(row(), given))
    assert str(caught.value).startswith("rows.csv:row 2: ")
    assert says in str(caught.value)
    kept, left_out = questions(concept(), source(row(), given, kind="hub"))
    assert [question.source_row for question in kept] == [1]
    assert [(row.source_row, says in row.detail) for row in left_out] == [(2, True)]


def test_five_rows_are_shown_and_all_are_counted(concept: Make) -> None:
    with pytest.raises(Refused) as caught:
        questions(concept(), source(*[row("")] * 9))
    lines = caught.value.faults
    assert [line.split(": ")[0] for line in lines[:5]] == [f"rows.csv:row {n}" for n in range(1, 6)]
    assert lines[5:] == ("rows.csv: 9 rows are at fault; the first 5 are above",)


MANY = row("Which?\n(A) a\n(B) b\n(C) c", "(C)", "(B)")


def test_more_than_two_options_keep_the_two_named_or_leave_the_row_out(concept: Make) -> None:
    found = one(concept(options="first_negative"), MANY)
    assert (found.options, found.positive) == (("b", "c"), 1)
    columns = {"positive": "negative", "negative": "positive"}
    exchanged = source(MANY, fields=Fields(**columns))
    ((other,), _) = questions(concept(options="first_negative"), exchanged)
    assert (other.options, other.positive) == (("b", "c"), 0)
    for kind in ("file", "hub"):
        kept, left_out = questions(concept(), source(row(), MANY, kind=kind))
        assert len(kept) == 1
        assert [row.reason for row in left_out] == ["more than two options"]


def test_an_empty_concept_says_why(concept: Make) -> None:
    with pytest.raises(Refused, match="concept 'tea' has no questions; its source is empty"):
        questions(concept(), source())
    with pytest.raises(Refused, match="all 1 rows are at fault, the first one: has 3 options"):
        questions(concept(), source(MANY))


def test_yes_no_takes_yes_and_no_in_either_place(concept: Make) -> None:
    yes_no = concept(answer_format="yes_no")
    found = one(yes_no, row("Take it?", " no.", "Yes"))
    assert (found.options, found.positive) == (("Yes", "No"), 1)
    with pytest.raises(Refused, match="answer format yes_no needs Yes and No"):
        questions(yes_no, source(row("Take it?", "Cup", "Mug")))


def test_copies_of_a_stem_share_an_id() -> None:
    assert (
        normalise("Are <META_START>x\n<META_END>YOU...  sure_now?\n\nChoices:\n (A) a")
        == "are you sure now"
    )
    assert question_id("Are you sure?") == question_id("are you  sure!")
    assert question_id("你好吗") != question_id("再见吗")
    assert question_id("?!") != question_id("!?")
