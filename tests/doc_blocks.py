"""What the pages of docs/ show as code, to be run as it stands."""

from __future__ import annotations

import re
from pathlib import Path

DOCS = Path(__file__).parents[1] / "docs"


def blocks(page: str, language: str) -> list[str]:
    """Return the blocks of docs/`page` in a language, in order."""
    text = (DOCS / page).read_text(encoding="utf-8")
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def block(page: str, language: str, holding: str = "") -> str:
    """Return the one block of docs/`page` in a language that holds a text."""
    (found,) = (text for text in blocks(page, language) if holding in text)
    return found
