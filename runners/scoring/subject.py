"""What scorers read of a concept: its name, its words, its criterion."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from specs.faults import Refused
from specs.reader import place

if TYPE_CHECKING:
    from specs.schema import AnyConcept, Scorer


@dataclass(frozen=True)
class Subject:
    """A concept as scorers see it."""

    name: str
    words: tuple[str, ...] = ()
    criterion: str | None = None
    """What a judge is asked of a text, in a sentence."""

    @classmethod
    def of(cls, concept: AnyConcept) -> Subject:
        """Return a concept's name, scorer words and criterion."""
        return cls(concept.name, concept.scorer_words, concept.criterion)


def words_of(subject: Subject | None, spec: Scorer) -> tuple[str, ...]:
    """Return the scorer words of a concept.

    Raises:
        Refused: it has none.
    """
    if subject is None or not subject.words:
        whose = f"concept {subject.name!r}" if subject else "the concept"
        raise Refused(
            f"{place(spec)}: {whose} has no `scorer_words`; add them to its YAML, or `words:` here"
        )
    return subject.words


def criterion(subject: Subject | None, spec: Scorer) -> str:
    """Return the criterion of a concept.

    Raises:
        Refused: it has none.
    """
    if subject is None or not subject.criterion:
        whose = f"concept {subject.name!r}" if subject else "the concept"
        raise Refused(
            f"{place(spec)}: {whose} has no `criterion` to rate by; add a sentence to its YAML, or "
            "`criterion:` here"
        )
    return subject.criterion
