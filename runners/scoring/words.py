"""Scorer `words`: whole words of a list in a text."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

WORD = re.compile(r"\w+(?:'\w+)*")
"""A word: letters, digits and `_`, an apostrophe between them included."""


def plain(text: str) -> str:
    """Return a text whose characters are composed (NFC) and whose apostrophes are straight."""
    return unicodedata.normalize("NFC", text).replace("’", "'")


def pattern(words: Sequence[str], case: str) -> re.Pattern[str]:
    """Return what matches any of `words` as whole words, the longest first.

    A phrase may have any white space between its words; a word that ends with `*` any ending.
    """
    ordered = sorted({plain(word) for word in words}, key=lambda word: (-len(word), word))
    parts = (
        r"\s+".join(re.escape(part) for part in word.removesuffix("*").split())
        + (r"\w*" if word.endswith("*") else "")
        for word in ordered
    )
    flags = re.IGNORECASE if case == "ignore" else re.NOFLAG
    return re.compile(rf"(?<!\w)(?:{'|'.join(parts)})(?!\w)", flags)


def presence(text: str, sought: re.Pattern[str]) -> float:
    """Return 1 where one of the words occurs, else 0."""
    return float(sought.search(plain(text)) is not None)


def share(text: str, sought: re.Pattern[str]) -> float:
    """Return how many of the text's words are among them, 0 to 1; 0 for a text without words."""
    text = plain(text)
    total = len(WORD.findall(text))
    found = sum(len(WORD.findall(match.group())) for match in sought.finditer(text))
    return min(1.0, found / total) if total else 0.0
