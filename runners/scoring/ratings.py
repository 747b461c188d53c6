"""The rating in a judge's answer; an answer that leaves it open is a failure, never a guess."""

from __future__ import annotations

import json
import re

from specs.schema import Scale

NUMBER = re.compile(r"(?<![\w.,])[-+]?\d+(?:\.\d+)?(?![\w]|[.,]\d)")
OUT_OF = re.compile(r"(?<=\d)\s*(?:/|out of|von|sur)\s*\d+(?:\.\d+)?", re.IGNORECASE)
"""The scale's end behind a rating, as in `7/10`."""
FENCE = re.compile(r"\A\s*```\w*\s*\n(.*?)\n\s*```\s*\Z", re.DOTALL)


class NoRating(Exception):
    """Why an answer has no rating, in words."""


def rating(answer: str, scale: Scale, key: str | None) -> float:
    """Return the one rating of an answer, within the scale.

    With `key` the answer is JSON (a code fence around it is taken off) and the rating its value.

    Raises:
        NoRating: there is none, there are several, or it is not within the scale.
    """
    found = _of_json(answer, key) if key else _of_text(answer)
    if not scale.low <= found <= scale.high:
        raise NoRating(f"rating {found:g} is not within {scale.low:g} to {scale.high:g}")
    return found


def score(found: float, scale: Scale) -> float:
    """Return a rating on 0 to 1: (r - low) / (high - low)."""
    return (found - scale.low) / (scale.high - scale.low)


def _of_text(answer: str) -> float:
    numbers = {float(number) for number in NUMBER.findall(OUT_OF.sub("", answer))}
    if not numbers:
        raise NoRating("no number in the answer" if answer.strip() else "the answer is empty")
    if len(numbers) > 1:
        raise NoRating(f"{len(numbers)} different numbers in the answer")
    return numbers.pop()


def _of_json(answer: str, key: str) -> float:
    fenced = FENCE.match(answer)
    try:
        found = json.loads(fenced[1] if fenced else answer)
    except ValueError:
        raise NoRating("the answer is not JSON") from None
    value = found.get(key) if isinstance(found, dict) else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise NoRating(f"the answer's JSON has no number {key!r}")
    return float(value)
