"""Options that stand inside a question: `(A) text` or `(A): text`, one on a line, at its end."""

from __future__ import annotations

import re

MARK = re.compile(r"^[ \t]*\(([A-Za-z0-9])\)[ \t]*:?", re.MULTILINE)
SYMBOL = re.compile(r"\(([A-Za-z0-9])\)|([A-Za-z0-9])")
HEADING = re.compile(
    r"(?:^|\n)[\W_]*(?:answer[ \t]+)?choices?[\W_]*$|\s*\bChoices:\s*$", re.IGNORECASE
)
"""`Choices:` behind the stem or on a line of its own, there with what scraped sources put around
it: `__Choices:__`, `**Answer choices**:`, `* Choices`."""
CLOSING = re.compile(r"\s*\n\s*Answer:\s*$", re.IGNORECASE)
FIRST = "Aa1"
"""What the first option of a list may be called."""


class Unparsed(ValueError):
    """No single list of options ends the question; the message says what was found instead."""


def symbol(answer: str) -> str | None:
    """Return `A` for an answer `(A)` or `A`, null for every other text."""
    match = SYMBOL.fullmatch(answer.strip())
    return (match[1] or match[2]) if match else None


def bracketed(answer: str) -> bool:
    """Return whether an answer is a symbol in brackets, which no option text is."""
    return symbol(answer) is not None and answer.strip().startswith("(")


def parse(question: str) -> tuple[str, dict[str, str]]:
    """Return the stem without its `Choices:` line, and the options' texts by symbol in order."""
    marks = list(MARK.finditer(question))
    run = _last_list([mark[1] for mark in marks])
    if run < 2:
        raise Unparsed("needs its options at the end, one on a line, as `(A) text`")
    listed, before = marks[-run:], [mark[1] for mark in marks[:-run]]
    if {mark[1] for mark in listed} & set(before):
        raise Unparsed("holds more than one list of options, so its answer is ambiguous")
    ends = [mark.start() for mark in listed[1:]] + [len(question)]
    texts = [question[mark.end() : end].strip() for mark, end in zip(listed, ends, strict=True)]
    texts[-1] = CLOSING.sub("", "\n" + texts[-1]).strip()
    options = {mark[1]: text for mark, text in zip(listed, texts, strict=True)}
    empty = [name for name, text in options.items() if not text]
    if empty:
        raise Unparsed(f"has no text behind option ({empty[0]})")
    return HEADING.sub("", question[: listed[0].start()]).strip(), options


def _last_list(symbols: list[str]) -> int:
    """Return how many of the last symbols form one list such as A, B, C; 0 where none does."""
    length = 1
    while length <= len(symbols):
        if symbols[-length] in FIRST:
            return length
        if length == len(symbols) or ord(symbols[-length]) != ord(symbols[-length - 1]) + 1:
            return 0
        length += 1
    return 0
