"""When two questions are the same: what is left of their stems is.

META tags and choices are cut, letters lowered, runs of everything else become one space.
"""

from __future__ import annotations

import re

from specs.identity import identity

META = re.compile(r"<META_START>.*?<META_END>", re.DOTALL)
CHOICES = re.compile(r"\n\s*Choices:|\n\s*\(A\)")
NO_LETTER_OR_DIGIT = re.compile(r"[\W_]+")


def normalise(question: str) -> str:
    """Return the form in which stems are compared; empty where a stem has no letter or digit."""
    stem = CHOICES.split(META.sub("", question), maxsplit=1)[0]
    return NO_LETTER_OR_DIGIT.sub(" ", stem.lower()).strip()


def question_id(stem: str) -> str:
    """Return the id that all copies and near-copies of a question share.

    A stem without letters or digits, such as `?`, is compared as it stands.
    """
    return identity("question", stem=normalise(stem) or stem.strip())
