"""The kinds of concept: questions with two options, and texts in no pairs."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Discriminator, Tag

from specs.concept import Concept
from specs.texts_concept import TextsConcept


def _concept_tag(value: Any) -> str | None:
    """Return the tag of a concept's kind; one that names none is of questions."""
    whole = isinstance(value, dict)
    kind = value.get("kind", "choice") if whole else getattr(value, "kind", None)
    return f"<{kind}>" if isinstance(kind, str) else None


AnyConcept = Annotated[
    Annotated[Concept, Tag("<choice>")] | Annotated[TextsConcept, Tag("<texts>")],
    Discriminator(_concept_tag),
]
