"""Questions that must stay on one side of a split: copies, and those that share a field's value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from specs.identity import canonical_json, identity

from .questions import Question

Groups = dict[str, list[Question]]


def field_value(question: Question, field: str) -> Any:
    """Return a field of the source row, or `slot.key` of one that holds a mapping; null if none."""
    fields = question.source_fields
    slot, _, key = field.partition(".")
    inner = fields.get(slot)
    if field not in fields and isinstance(inner, Mapping):
        return inner.get(key)
    return fields.get(field)


def by_question(questions: Sequence[Question]) -> Groups:
    """Return the copies of each question, by question_id."""
    groups: Groups = {}
    for question in questions:
        groups.setdefault(question.question_id, []).append(question)
    return groups


def by_field(questions: Sequence[Question], field: str) -> Groups:
    """Return the questions that copies or equal values of a field join, directly or in a chain.

    Keys hash the questions of a group, so that their order says nothing of its size.
    """
    parents: dict[tuple[str, str], tuple[str, str]] = {}

    def root(node: tuple[str, str]) -> tuple[str, str]:
        while (parent := parents.setdefault(node, node)) != node:
            parents[node] = parents[parent]
            node = parent
        return node

    for question in questions:
        value = canonical_json(field_value(question, field))
        parents[root(("question", question.question_id))] = root(("value", str(value)))
    joined: dict[tuple[str, str], list[Question]] = {}
    for question in questions:
        joined.setdefault(root(("question", question.question_id)), []).append(question)
    return {_name(group): group for group in joined.values()}


def _name(group: Sequence[Question]) -> str:
    return identity("group", questions=sorted({question.question_id for question in group}))
