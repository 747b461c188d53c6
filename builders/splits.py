"""Which questions fit the vector, which choose the layer, and which are reported."""

from __future__ import annotations

import math
import random
from typing import get_args

from specs.faults import Refused
from specs.reader import place as place_in
from specs.schema import Concept, Split, Splits
from specs.suggestions import did_you_mean

from .groups import by_field, by_question, field_value
from .questions import Question
from .refusals import first_few, place
from .sources import Source

SPLITS: tuple[Split, ...] = get_args(Split)
Assigned = dict[Split, list[Question]]


def assign(concept: Concept, source: Source, questions: list[Question]) -> Assigned:
    """Return the questions of each split in dataset order; Refused where a split stays empty.

    `grouped` is ordered by question_id or, where a field groups, by a hash of each group, so that
    the first n of a split are a random sample; `tan2024` is in shuffled order, `given` in the
    source's. Shares that sum to less than 1 leave questions unused.
    """
    if concept.splits.by == "given":
        assigned = _given(concept, source, questions)
    elif concept.splits.by == "tan2024":
        assigned = _tan2024(concept.splits, len(source.rows), questions)
    else:
        assigned = _grouped(concept, source, questions)
    _refuse_empty(concept, assigned, questions)
    return assigned


def cuts(splits: Splits, n: int) -> list[tuple[Split, int, int]]:
    """Return (split, start, end) over n things in order, each bound rounded half up."""
    bounds, share = [0], 0.0
    for split in SPLITS:
        share += getattr(splits, split)
        bounds.append(min(n, math.floor(share * n + 0.5 + 1e-9)))
    return [(split, bounds[i], bounds[i + 1]) for i, split in enumerate(SPLITS)]


def shuffled(n: int) -> list[int]:
    """Return 0..n-1 as Tan et al. shuffle a dataset (repepo, `Random(0).shuffle`)."""
    order = list(range(n))
    random.Random(0).shuffle(order)
    return order


def _grouped(concept: Concept, source: Source, questions: list[Question]) -> Assigned:
    field = concept.splits.field
    if field is None:
        groups = by_question(questions)
    else:
        _refuse_without(concept, source, questions, field)
        groups = by_field(questions, field)
    order = sorted(groups)
    return {
        split: [question for group in order[start:end] for question in groups[group]]
        for split, start, end in cuts(concept.splits, len(order))
    }


def _refuse_without(
    concept: Concept, source: Source, questions: list[Question], field: str
) -> None:
    """Refuse questions that have no value of the field by which they are to be grouped."""
    where = place_in(concept, ("splits", "field"))
    lines = [
        f"{source.row(question.source_row)}: has no field {field!r} ({where})"
        for question in questions
        if field_value(question, field) is None
    ]
    if len(lines) == len(questions):
        known = list(dict.fromkeys(key for q in questions for key in q.source_fields))
        hint = did_you_mean(field, known) or ";"
        raise Refused(
            f"{where}: the source has no field {field!r}{hint} it has {', '.join(known) or 'none'}"
        )
    if lines:
        raise Refused(*first_few(lines, source.where))


def _tan2024(splits: Splits, n_rows: int, questions: list[Question]) -> Assigned:
    """Shuffle all rows of the source, those left out too, so that every row lands as theirs."""
    by_row = {question.source_row - 1: question for question in questions}
    order = shuffled(n_rows)
    return {
        split: [by_row[row] for row in order[start:end] if row in by_row]
        for split, start, end in cuts(splits, n_rows)
    }


def _given(concept: Concept, source: Source, questions: list[Question]) -> Assigned:
    field = concept.splits.field
    assigned: Assigned = {split: [] for split in SPLITS}
    lines = []
    for question in questions:
        value = field_value(question, str(field))
        if value in SPLITS:
            assigned[value].append(question)
        else:
            lines.append(
                f"{source.row(question.source_row)}: {field} is {value!r}; "
                f"splits by given need one of {', '.join(SPLITS)}"
            )
    if lines:
        raise Refused(*first_few(lines, source.where))
    return assigned


def _refuse_empty(concept: Concept, assigned: Assigned, questions: list[Question]) -> None:
    empty = [
        split for split in SPLITS if not assigned[split] and getattr(concept.splits, split) > 0
    ]
    if empty:
        n = len({question.question_id for question in questions})
        grouped = concept.splits.by == "grouped" and concept.splits.field
        different = (
            f"different questions, grouped by {grouped}," if grouped else "different questions"
        )
        raise Refused(
            f"{place(concept)}: dataset too small for a split: {n} {different} leave "
            f"{' and '.join(empty)} without any; add questions, or set splits.{empty[0]} to 0"
        )
