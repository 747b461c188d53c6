"""From rows to questions, and the one rule for rows that are at fault.

The rule. In a source that the user wrote (`inline`, `file`) a row at fault is an error: they can
mend it. In a `hub` source nobody here can, so the row is left out, counted in the audit and the
card, and named on stderr. A row with more than two options under `options: refuse` is left out in
the same way whatever the source, since that is what the spec asked for. Nothing is ever left out
without a count.
"""

from __future__ import annotations

import re
import string
from dataclasses import dataclass
from typing import Any

from specs.faults import Refused
from specs.schema import Concept

from .fields import RowFault, confidence, labelled, others, text
from .options import Unparsed, bracketed, parse, symbol
from .refusals import first_few
from .sources import Row, Source, columns
from .stems import question_id

UNPARSED = "options could not be parsed"
MORE_THAN_TWO = "more than two options"
PUNCTUATION = string.punctuation + string.whitespace
ANSWERS = ("Yes", "No")
"""The two options of answer format `yes_no`, in this order."""


@dataclass(frozen=True)
class Question:
    """A stem with its two option texts in the source's order and the index of the positive one.

    `source_row` counts from 1; `source_fields` holds the columns that have no meaning here.
    """

    stem: str
    question_id: str
    options: tuple[str, str]
    positive: int
    label_confidence: float | None
    source_row: int
    source_fields: dict[str, Any]


@dataclass(frozen=True)
class LeftOut:
    """A row that is not in the dataset, and why."""

    source_row: int
    reason: str
    detail: str


def questions(concept: Concept, source: Source) -> tuple[list[Question], list[LeftOut]]:
    """Return the questions of all good rows and the rows left out; Refused by the rule above."""
    cut = [re.compile(pattern) for pattern in source.remove]
    kept: list[Question] = []
    left_out: list[LeftOut] = []
    for number, row in enumerate(source.rows, 1):
        try:
            kept.append(_question(concept, source, cut, row, number))
        except RowFault as fault:
            left_out.append(LeftOut(number, fault.reason, fault.detail))
    errors = [row for row in left_out if source.kind != "hub" and row.reason != MORE_THAN_TWO]
    if errors:
        lines = [f"{source.row(row.source_row)}: {row.detail}" for row in errors]
        raise Refused(*first_few(lines, source.where))
    if not kept:
        raise Refused(_empty(concept, source, left_out))
    return kept, left_out


def _empty(concept: Concept, source: Source, left_out: list[LeftOut]) -> str:
    if not left_out:
        return f"{source.where}: concept {concept.name!r} has no questions; its source is empty"
    first = left_out[0]
    return (
        f"{source.where}: concept {concept.name!r} has no questions; all {len(left_out)} rows are "
        f"at fault, the first one: {first.detail}"
    )


def _question(
    concept: Concept, source: Source, cut: list[re.Pattern[str]], row: Row, number: int
) -> Question:
    fields = source.fields
    asked = text(row, fields.question, cut)
    if fields.options is not None:
        stem, (options, index) = asked, _listed(concept, *labelled(row, fields, cut))
    else:
        positive, negative = text(row, fields.positive, cut), text(row, fields.negative, cut)
        stem, options, index = _options(concept, asked, positive, negative)
    if not stem.strip(PUNCTUATION):
        raise RowFault("empty question", "the question is empty; write one or delete the row")
    if concept.answer_format == "yes_no":
        options, index = _yes_no(options, index)
    return Question(
        stem=stem,
        question_id=question_id(stem),
        options=options,
        positive=index,
        label_confidence=confidence(row.get(fields.label_confidence), fields.label_confidence),
        source_row=number,
        source_fields=others(row, set(columns(fields).values())),
    )


def _options(
    concept: Concept, asked: str, positive: str, negative: str
) -> tuple[str, tuple[str, str], int]:
    """Return stem, options in the source's order and the positive one's index."""
    if not positive or not negative:
        missing = "positive" if not positive else "negative"
        raise RowFault("empty option", f"the {missing} option is empty; write it or delete the row")
    if positive == negative:
        raise RowFault("options equal", f"both options are {positive!r}; they must differ")
    if not _are_symbols(asked, positive, negative):
        return asked, (positive, negative), 0
    try:
        stem, listed = parse(asked)
    except Unparsed as unparsed:
        raise RowFault(
            UNPARSED, f"the answer is {positive!r} and the question {unparsed}"
        ) from None
    pair, index = _chosen(concept, listed, positive, negative)
    if pair[0] == pair[1]:
        raise RowFault("options equal", f"both options are {pair[0]!r}; they must differ")
    return stem, pair, index


def _are_symbols(asked: str, positive: str, negative: str) -> bool:
    """Return whether the answers name options inside the question rather than being options.

    `(A)` always does; a bare `A` does where the question lists an option `(A)`.
    """
    if bracketed(positive) and bracketed(negative):
        return True
    names = [symbol(positive), symbol(negative)]
    return all(name is not None and f"({name})" in asked for name in names)


def _chosen(
    concept: Concept, listed: dict[str, str], positive: str, negative: str
) -> tuple[tuple[str, str], int]:
    """Return the two options kept, in the source's order, and the positive one's index."""
    names = list(listed)
    chosen, other = symbol(positive), symbol(negative)
    for name in (chosen, other):
        if name not in listed:
            found = ", ".join(f"({found})" for found in names)
            raise RowFault(
                "symbol not among the options", f"the answer ({name}) is none of {found}"
            )
    _refuse_more_than_two(concept, len(names))
    pair = sorted((str(chosen), str(other)), key=names.index)
    return (listed[pair[0]], listed[pair[1]]), pair.index(str(chosen))


def _listed(concept: Concept, texts: list[str], labels: list[bool]) -> tuple[tuple[str, str], int]:
    """Return the positive and the first negative option as listed, and the positive's index."""
    _refuse_more_than_two(concept, len(texts))
    index = labels.index(True)
    pair = sorted((index, labels.index(False)))
    options = texts[pair[0]], texts[pair[1]]
    if options[0] == options[1]:
        raise RowFault("options equal", f"both options are {options[0]!r}; they must differ")
    return options, pair.index(index)


def _refuse_more_than_two(concept: Concept, n: int) -> None:
    if n > 2 and concept.options == "refuse":
        raise RowFault(
            MORE_THAN_TWO, f"has {n} options; `options: first_negative` would keep two of them"
        )


def _yes_no(options: tuple[str, str], index: int) -> tuple[tuple[str, str], int]:
    said = [option.strip(" .!").capitalize() for option in options]
    if sorted(said) != sorted(ANSWERS):
        raise RowFault(
            "not Yes and No",
            f"the options are {options[0]!r} and {options[1]!r}; answer format yes_no needs Yes "
            "and No (answer_format: letter takes any text)",
        )
    return ANSWERS, ANSWERS.index(said[index])
