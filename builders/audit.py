"""What is odd in a dataset, counted: duplicates, leaks, labels, cells, lengths, stray tokens."""

from __future__ import annotations

import re
import statistics
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from specs.schema import Concept, Split

from .questions import UNPARSED, LeftOut, Question
from .sources import Source
from .splits import SPLITS, Assigned, shuffled
from .stems import normalise

LOW_CONFIDENCE = 0.8
"""Label confidence below this counts as low."""
CONTROL = re.compile(
    r"<\|[^|<>\s]{1,40}\|>|<｜[^｜<>]{1,40}｜>|\[/?INST\]|<</?SYS>>|</?s>|<(?:bos|eos|pad|unk)>"
    r"|<(?:start|end)_of_turn>|</?think>|<META_(?:START|END)>|\n\n(?:Human|Assistant):"
)
"""Tokens by which chat templates and scraped dialogues mark turns; no question should hold one."""


@dataclass(frozen=True)
class Audit:
    """Counts over one dataset; rows are rows of the source, questions are told by question_id."""

    n_source_rows: int
    n_items: int
    n_questions: int
    n_unused_questions: int
    splits: dict[str, dict[str, Any]]
    """Per split: n_items, n_questions, share (of the questions), cells (A/Yes: n, ...; for answer
    format `text` text/Yes: n, ...)."""
    left_out: dict[str, list[int]]
    """Reason: the source rows left out for it."""
    n_duplicate_rows: int
    """Rows whose question, options and answer are letter by letter those of an earlier row."""
    n_repeated_questions: int
    """Rows whose normalised stem an earlier row has."""
    n_leaked_questions: int
    """Questions of test that are in train too."""
    paper_leaks: dict[str, int]
    """Test rows whose stem is in train under Tan et al.'s split of this source (shuffled by row,
    not grouped): 0-40/50-100 as the paper says, 0-50/50-100 as its code ran."""
    n_low_confidence: int
    """Rows with a label confidence below 0.8."""
    lowest_confidence: float | None
    n_unparsed_options: int
    n_control_tokens: int
    """Rows with a chat template's token in a text."""
    control_tokens: dict[str, int]
    """Token: rows that hold it."""
    n_symbols_in_text: int
    """Rows whose own words name an option symbol, such as (A): wrong where orders are swapped."""
    lengths: dict[str, list[int]]
    """Characters, as [shortest, median, longest], of question, positive and negative option."""
    positive_longer_share: float
    """Share of questions whose positive option is the longer one; where equal, a half."""

    def to_json(self) -> dict[str, Any]:
        """Return the counts as JSON holds them."""
        return asdict(self)


def audit(
    concept: Concept,
    source: Source,
    questions: Sequence[Question],
    left_out: Sequence[LeftOut],
    assigned: Assigned,
    items: Sequence[Mapping[str, Any]],
) -> Audit:
    """Count everything of one dataset."""
    reasons: dict[str, list[int]] = {}
    for row in left_out:
        reasons.setdefault(row.reason, []).append(row.source_row)
    ids = {split: {question.question_id for question in assigned[split]} for split in SPLITS}
    everyone = {question.question_id for question in questions}
    confidences = [q.label_confidence for q in questions if q.label_confidence is not None]
    tokens = control_tokens(questions)
    return Audit(
        n_source_rows=len(source.rows),
        n_items=len(items),
        n_questions=len(everyone),
        n_unused_questions=len(everyone - set().union(*ids.values())),
        splits={split: _split(split, ids[split], len(everyone), items) for split in SPLITS},
        left_out=dict(sorted(reasons.items())),
        n_duplicate_rows=_repeats((q.stem, q.options, q.positive) for q in questions),
        n_repeated_questions=_repeats(q.question_id for q in questions),
        n_leaked_questions=len(ids["train"] & ids["test"]),
        paper_leaks=_paper_leaks(source),
        n_low_confidence=sum(value < LOW_CONFIDENCE for value in confidences),
        lowest_confidence=min(confidences, default=None),
        n_unparsed_options=len(reasons.get(UNPARSED, [])),
        n_control_tokens=sum(len(found) > 0 for found in tokens),
        control_tokens=dict(sorted(Counter(t for found in tokens for t in found).items())),
        n_symbols_in_text=sum(_names_a_symbol(q, concept) for q in questions),
        lengths=_lengths(questions),
        positive_longer_share=statistics.fmean(_longer(q) for q in questions),
    )


def control_tokens(questions: Sequence[Question]) -> list[set[str]]:
    """Return per question the tokens of chat templates that its texts hold."""
    return [
        {token.strip() for text in (q.stem, *q.options) for token in CONTROL.findall(text)}
        for q in questions
    ]


def leaks(stems: Sequence[str], train: float, test_from: float) -> int:
    """Return how many test rows have a stem that train has, rows shuffled by Random(0).

    Train is the first `train` of the shuffled rows, test those from `test_from` on; stems are
    normalised ones (builders/stems.py).
    """
    order, n = shuffled(len(stems)), len(stems)
    seen = {stems[row] for row in order[: int(n * train)]}
    return sum(stems[row] in seen for row in order[int(n * test_from) :])


def _paper_leaks(source: Source) -> dict[str, int]:
    stems = [normalise(str(row.get(source.fields.question) or "")) for row in source.rows]
    return {"0-40/50-100": leaks(stems, 0.4, 0.5), "0-50/50-100": leaks(stems, 0.5, 0.5)}


def _split(
    split: Split, ids: set[str], n_questions: int, items: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    rows = [item for item in items if item["split"] == split]
    cells = Counter(f"{_symbol(item)}/{item['positive_answer'] or 'neither'}" for item in rows)
    return {
        "n_items": len(rows),
        "n_questions": len(ids),
        "share": round(len(ids) / n_questions, 4),
        "cells": dict(sorted(cells.items())),
    }


def _symbol(item: Mapping[str, Any]) -> str:
    """Return the positive option's symbol; `text` where options have none."""
    return str(item["symbols"][item["positive_option"]]) if item["symbols"] else "text"


def _repeats(keys: Iterable[Any]) -> int:
    counts = Counter(keys)
    return counts.total() - len(counts)


def _names_a_symbol(question: Question, concept: Concept) -> bool:
    if concept.answer_format == "text":
        return False
    marks = [f"({symbol})" for symbol in concept.symbols]
    return any(mark in text for text in (question.stem, *question.options) for mark in marks)


def _lengths(questions: Sequence[Question]) -> dict[str, list[int]]:
    texts = {
        "question": [len(q.stem) for q in questions],
        "positive": [len(q.options[q.positive]) for q in questions],
        "negative": [len(q.options[1 - q.positive]) for q in questions],
    }
    return {
        name: [min(lengths), int(statistics.median_low(lengths)), max(lengths)]
        for name, lengths in texts.items()
    }


def _longer(question: Question) -> float:
    positive = len(question.options[question.positive])
    negative = len(question.options[1 - question.positive])
    return 0.5 if positive == negative else float(positive > negative)
