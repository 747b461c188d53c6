"""Did you mean: the known names nearest to a word that is not known."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def nearest(word: str, known: Iterable[str]) -> list[str]:
    """Return up to three of `known` that resemble `word`, nearest first, letter case ignored."""
    by_folded = {name.casefold(): name for name in known}
    close = difflib.get_close_matches(word.casefold(), list(by_folded), n=3, cutoff=0.65)
    return [by_folded[folded] for folded in close]


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return `; did you mean 'x' or 'y'?`, or nothing where no known name resembles `word`."""
    close = nearest(word, known)
    return f"; did you mean {' or '.join(map(repr, close))}?" if close else ""
