"""From questions to items: each question in the option orders that its split asks for."""

from __future__ import annotations

import re
from typing import Any

from specs.identity import canonical_json, identity, identity_of_rows
from specs.schema import Concept, Split

from .questions import ANSWERS, Question
from .splits import SPLITS, Assigned

YES_OR_NO = re.compile(r"\W*(yes|no)\b", re.IGNORECASE)


def items(concept: Concept, assigned: Assigned) -> list[dict[str, Any]]:
    """Return the rows of config `items` in order train, validation, test, numbered from 0."""
    rows = [
        _item(concept, split, question, swapped)
        for split in SPLITS
        for question in assigned[split]
        for swapped in _orders(concept, split, question.source_row - 1)
    ]
    return [{"split": row.pop("split"), "row": number, **row} for number, row in enumerate(rows)]


def dataset_id(rows: list[dict[str, Any]]) -> str:
    """Return the id over (split, item) in order: equal content, equal id, whatever its name."""
    return identity_of_rows("dataset", ([row["split"], row["item_id"]] for row in rows))


def positive_answer(option: str) -> str | None:
    """Return `Yes` or `No` where an option's text begins so, null elsewhere."""
    match = YES_OR_NO.match(option)
    return match[1].capitalize() if match else None


def _orders(concept: Concept, split: Split, index: int) -> list[bool]:
    """Return for each copy of the question whether its options are swapped.

    `alternate` swaps the source's rows 0, 1, 4, 5, ... (Tan et al., make_mwe_persona.py in
    repepo: blocks of two, since the source alternates Yes and No row by row).
    """
    if concept.answer_format != "letter":
        return [False]  # options that are not shown stand in no order
    order = getattr(concept.option_order, split)
    if order == "alternate":
        return [index // 2 % 2 == 0]
    return [False, True] if order == "both" else [False]


def _item(concept: Concept, split: Split, question: Question, swapped: bool) -> dict[str, Any]:
    options = list(question.options[::-1] if swapped else question.options)
    positive = 1 - question.positive if swapped else question.positive
    symbols = {"letter": list(concept.symbols), "yes_no": list(ANSWERS), "text": []}
    order = "swapped" if swapped else "original"
    return {
        "split": split,
        "item_id": identity(
            "item",
            question=question.stem,
            options=options,
            positive=positive,
            order=order,
            symbols=symbols[concept.answer_format],
        ),
        "question_id": question.question_id,
        "question": question.stem,
        "options": options,
        "positive_option": positive,
        "symbols": symbols[concept.answer_format],
        "option_order": order,
        "positive_answer": positive_answer(options[positive]),
        "label_confidence": question.label_confidence,
        "source_row": question.source_row,
        "source_fields": canonical_json(question.source_fields),
    }
