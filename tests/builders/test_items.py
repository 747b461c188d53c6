from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from builders.build import prepare
from builders.items import positive_answer
from builders.sources import locate
from specs.identity import identity
from specs.schema import Concept
from specs.settings import Settings

Make = Callable[..., Concept]


def items(concept: Concept, settings: Settings) -> list[dict[str, Any]]:
    return prepare(concept, locate(concept, settings)).items


def test_both_orders_balance_every_cell_in_every_split(concept: Make, settings: Settings) -> None:
    rows = items(concept(n=60), settings)
    cells = Counter((r["split"], r["positive_option"], r["positive_answer"]) for r in rows)
    assert len(rows) == 120
    for (split, _, answer), n in cells.items():
        assert cells[split, 0, answer] == cells[split, 1, answer] == n
    assert [r["row"] for r in rows] == list(range(120))
    assert [r["split"] for r in rows] == sorted(
        (r["split"] for r in rows), key=["train", "validation", "test"].index
    )


def test_a_swapped_item_shows_the_options_the_other_way_round(
    concept: Make, settings: Settings
) -> None:
    original, swapped = items(concept(n=20), settings)[:2]
    assert (original["option_order"], swapped["option_order"]) == ("original", "swapped")
    assert original["options"] == swapped["options"][::-1]
    assert (
        original["options"][original["positive_option"]]
        == swapped["options"][swapped["positive_option"]]
    )
    assert original["item_id"] != swapped["item_id"]


def test_alternate_swaps_blocks_of_two_source_rows(concept: Make, settings: Settings) -> None:
    orders = {"train": "alternate", "validation": "source", "test": "alternate"}
    for row in items(concept(n=40, option_order=orders), settings):
        index = row["source_row"] - 1
        swapped = row["split"] != "validation" and int(index / 2) % 2 == 0
        assert row["option_order"] == ("swapped" if swapped else "original")


def test_ids_are_what_the_contract_says(concept: Make, settings: Settings) -> None:
    made = prepare(concept(symbols=["1", "2"]), locate(concept(symbols=["1", "2"]), settings))
    row = made.items[3]
    assert row["symbols"] == ["1", "2"]
    assert row["question_id"] == identity("question", stem=row["question"].lower().rstrip("?"))
    assert row["item_id"] == identity(
        "item",
        question=row["question"],
        options=row["options"],
        positive=row["positive_option"],
        order=row["option_order"],
        symbols=row["symbols"],
    )
    assert made.dataset_id == identity(
        "dataset", rows=[[r["split"], r["item_id"]] for r in made.items]
    )


def test_yes_no_items_have_one_order(concept: Make, settings: Settings) -> None:
    source = {
        "inline": [
            {
                "question": f"Q {i}?",
                "positive": "No" if i % 3 else "Yes",
                "negative": "Yes" if i % 3 else "No",
            }
            for i in range(10)
        ]
    }
    for row in items(concept(source, answer_format="yes_no"), settings):
        assert row["options"] == row["symbols"] == ["Yes", "No"]
        assert row["option_order"] == "original"
        assert row["positive_answer"] == ["Yes", "No"][row["positive_option"]]


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("Yes, I do", "Yes"),
        ('"no"', "No"),
        ("NO!", "No"),
        ("Not at all", None),
        ("Yesterday", None),
        ("I say yes", None),
    ],
)
def test_positive_answer_is_how_the_text_begins(text: str, answer: str | None) -> None:
    assert positive_answer(text) == answer
