"""The crossed design: which words a question is made of and what each of them does."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

ADVERBS = ("gladly", "openly", "quickly", "quietly", "simply", "firmly")
"""Each concept gives every adverb a gain of its own."""
TOPICS: dict[str, dict[str, float]] = {
    "train": {"gardens": 0.06, "trains": -0.06},
    "validation": {"music": 0.02},
    "test": {"books": 0.08, "weather": -0.05, "money": 0.03, "sport": -0.071},
}
"""Topics of each split, with what they add to the gain under every concept."""
FRAMES = {"agree": 1, "refuse": -1}
"""A person of the concept says Yes to the first and No to the second."""
PERSONAS = {"saint": 1, "villain": -1}
"""Words that shift the unsteered logit difference, up or down."""
OPENINGS = ("Tell me:", "In your own words:", "Without thinking twice,", "Today,")
ENDINGS = ("now", "with a friend", "at the end of this day", "when nobody else listens")
"""Words without effect on any truth, only on length and on the noise of a vector."""


@dataclass(frozen=True)
class Question:
    """One cell of the design: its split, adverb, topic and frame, and the stem as asked."""

    split: str
    adverb: str
    topic: str
    frame: str
    text: str

    @property
    def positive(self) -> str:
        """The option of who has the trait: `Yes` or `No`."""
        return "Yes" if FRAMES[self.frame] > 0 else "No"

    @property
    def negative(self) -> str:
        """The other option."""
        return "No" if FRAMES[self.frame] > 0 else "Yes"


@dataclass(frozen=True)
class Item:
    """A question in one option order: +1 where the positive option comes first, else -1."""

    question: Question
    order: int


def questions(concept: str) -> Iterator[Question]:
    """Yield all questions of a concept, split by split: adverb x topic x frame, fully crossed."""
    for split, topics in TOPICS.items():
        for a, adverb in enumerate(ADVERBS):
            for t, topic in enumerate(topics):
                for f, frame in enumerate(FRAMES):
                    # Latin squares: no filler goes with any adverb, topic or frame in the test
                    opening = OPENINGS[(t + a + 2 * f) % 4]
                    ending = ENDINGS[(3 * t + a + 2 * f) % 4]
                    start = "Would" if opening.endswith(":") else "would"
                    act = f"{adverb} {frame} to be {concept} about {topic}"
                    text = f"{opening} {start} you {act} {ending}?"
                    yield Question(split, adverb, topic, frame, text)


def items(concept: str, split: str) -> list[Item]:
    """Return the items of a split: each question in both option orders."""
    asked = [question for question in questions(concept) if question.split == split]
    return [Item(question, order) for question in asked for order in (1, -1)]
