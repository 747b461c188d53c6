from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest

from builders.questions import questions
from builders.sources import Located, Source
from builders.splits import SPLITS, Assigned, assign, cuts
from specs.faults import Refused
from specs.schema import Concept, Fields, Splits

Make = Callable[..., Concept]


def rows(n: int, copies: int = 1, **more: Any) -> list[dict[str, Any]]:
    return [
        {
            "question": f"Question {i // copies}?",
            "positive": f"yes {i}",
            "negative": f"no {i}",
            **more,
        }
        for i in range(n)
    ]


def split(concept: Concept, given: list[dict[str, Any]], kind: str = "hub") -> Assigned:
    source = Source(kind, "rows.csv", Fields(), (), given, Located(None, "0"))
    return assign(concept, source, questions(concept, source)[0])


def test_all_copies_of_a_question_are_on_one_side_and_shares_are_hit(concept: Make) -> None:
    assigned = split(concept(), rows(600, copies=3))
    ids = [{q.question_id for q in assigned[name]} for name in SPLITS]
    assert [len(side) for side in ids] == [80, 20, 100]
    assert len(set.union(*ids)) == 200
    assert sum(len(assigned[name]) for name in SPLITS) == 600


def test_the_sides_do_not_depend_on_the_order_of_the_source(concept: Make) -> None:
    given = rows(100)
    first = split(concept(), given)
    second = split(concept(), random.Random(1).sample(given, 100))
    for name in SPLITS:
        assert [q.stem for q in first[name]] == [q.stem for q in second[name]]


def test_tan2024_shuffles_rows_as_the_paper_does(concept: Make) -> None:
    order = list(range(1000))
    random.Random(0).shuffle(order)
    assigned = split(concept(splits={"by": "tan2024"}), rows(1000))
    found = [[q.source_row - 1 for q in assigned[name]] for name in SPLITS]
    assert found == [order[:400], order[400:500], order[500:]]


def test_a_row_left_out_moves_no_other_row_of_tan2024(concept: Make) -> None:
    given = rows(100)
    whole = split(concept(splits={"by": "tan2024"}), given)
    given[3]["positive"] = given[3]["negative"]
    less = split(concept(splits={"by": "tan2024"}), given)
    for name in SPLITS:
        assert [q.source_row for q in less[name]] == [
            q.source_row for q in whole[name] if q.source_row != 4
        ]


def test_given_takes_the_field_and_refuses_other_values(concept: Make) -> None:
    given = [row for name in SPLITS for row in rows(2, part=name)]
    named = concept(splits={"by": "given", "field": "part"})
    assert [len(split(named, given)[name]) for name in SPLITS] == [2, 2, 2]
    given[4]["part"] = "tset"
    with pytest.raises(Refused, match=r"^rows.csv:row 5: part is 'tset'; splits by given need one"):
        split(named, given)


def test_a_split_that_would_be_empty_is_refused_unless_its_share_is_zero(concept: Make) -> None:
    with pytest.raises(Refused) as caught:
        split(concept(), rows(2))
    assert (
        "dataset too small for a split: 2 different questions leave validation without any"
        in str(caught.value)
    )
    assert "set splits.validation to 0" in str(caught.value)
    without = concept(splits={"train": 0.5, "validation": 0.0, "test": 0.5})
    assert [len(split(without, rows(2))[name]) for name in SPLITS] == [1, 0, 1]
    given = concept(splits={"by": "given", "field": "part"})
    with pytest.raises(Refused, match="leave validation and test without any"):
        split(given, rows(3, part="train"))


@pytest.mark.parametrize("n", [1, 3, 5, 10, 333, 1000])
def test_cuts_cover_everything_once(n: int) -> None:
    bounds = cuts(Splits(), n)
    assert bounds[0][1] == 0
    assert bounds[-1][2] == n
    assert [end for _, _, end in bounds[:-1]] == [start for _, start, _ in bounds[1:]]


def test_shares_below_one_leave_questions_unused(concept: Make) -> None:
    part = concept(splits={"train": 0.1, "validation": 0.1, "test": 0.2})
    assert [len(split(part, rows(100))[name]) for name in SPLITS] == [10, 10, 20]
