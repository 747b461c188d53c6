"""An item as token ids, and the positions at which something is done to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple


class Line(NamedTuple):
    """A prompt with the beginning of a completion behind it: one plain sequence of tokens."""

    item: TokenisedItem
    tail: tuple[int, ...]
    """The scored tokens of the completion but the last: what must go through the model."""
    behind: tuple[int, ...] = ()
    """The scored tokens but the first: each is told by the position of the tail before it."""

    @property
    def tokens(self) -> tuple[int, ...]:
        """Prompt, shared tokens and tail."""
        return (*self.item.prompt, *self.item.shared, *self.tail)


@dataclass(frozen=True)
class TokenisedItem:
    """An item's prompt and its two completions as token ids of one model."""

    item_id: str
    text: str
    """The rendered prompt without the answer."""
    prompt: tuple[int, ...]
    """Up to and including the last prompt token."""
    shared: tuple[int, ...]
    """Answer tokens that both completions begin with, e.g. of `(`; may be empty."""
    positive: tuple[int, ...]
    """From the first differing token on, e.g. of `A` and `)`."""
    negative: tuple[int, ...]
    """As positive, of the other completion."""
    sequence: bool = False
    """Whether all of these tokens are scored, or the first one only (letters, Yes and No)."""

    @property
    def decision(self) -> int:
        """Index of the position whose next token is the first in which the completions differ."""
        return len(self.prompt) + len(self.shared) - 1

    @property
    def scored(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """The tokens of either completion, positive and negative, whose probability counts."""
        end = None if self.sequence else 1
        return self.positive[:end], self.negative[:end]

    @property
    def tails(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """The scored tokens but the last, of either completion: what must go through the model."""
        positive, negative = self.scored
        return positive[:-1], negative[:-1]

    @property
    def lines(self) -> tuple[Line, ...]:
        """The plain sequences that say everything of the item: two, or one where no tail is.

        The first one tells of the positive completion, the last one of the negative.
        """
        return tuple(dict.fromkeys(Line(self, tokens[:-1], tokens[1:]) for tokens in self.scored))

    @property
    def length(self) -> int:
        """Tokens of the longest line."""
        return self.decision + 1 + max(map(len, self.tails))

    @property
    def width(self) -> int:
        """Tokens of prompt, shared tokens and both tails."""
        return self.decision + 1 + sum(map(len, self.tails))


@dataclass(frozen=True)
class Unfit:
    """An item that cannot be measured on one model; `reason` begins with its kind and a colon."""

    item_id: str
    reason: str
