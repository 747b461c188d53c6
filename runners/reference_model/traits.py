"""The planted constants: what the reference model is made to do with each concept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

STRENGTH: Final = 3.0
"""Logits per unit of gain and multiplier at layer 3."""
WRITES: Final = {2: 0.6, 3: 0.4}
"""Which share of the concept's direction each layer writes at an answer's letter."""
READS: Final = {3: 0.25, 4: 0.7, 5: 0.3}
"""With which weight each layer reads the direction before the answer."""
LAYERS: Final = 6
PERSONA_SHIFT: Final = 1.5
"""Logits by which a persona word shifts the unsteered logit difference."""
ORDER_SHIFT: Final = 0.4
"""Logits by which an unsteered answer leans to the letter A."""


@dataclass(frozen=True)
class Trait:
    """What is planted for one concept; gains in the order of `design.ADVERBS`."""

    name: str
    about: str
    gains: tuple[float, ...]
    letter: float = 0.0
    """Added to the gain where the positive option is A, subtracted where it is B."""
    yes: float = 0.0
    """Added to the gain where the positive option is Yes, subtracted where it is No."""
    base: float = 0.0
    """Mean unsteered logit difference on variant base."""
    abroad: float = 1.0
    """Factor on the gain where a persona stands in the user turn."""
    cap: float | None = None
    """Largest amount of the direction that is read, either way."""
    read: bool = True
    """Whether anything reads the direction at all."""
    shares: str | None = None
    """A concept whose direction has cosine 0.5 with this one's; all others are orthogonal."""


_CLEAN = (1.5, 1.3, 1.1, 0.9, 0.7, 0.5)
TRAITS: dict[str, Trait] = {
    trait.name: trait
    for trait in (
        Trait("kind", "Clean: every item can be steered.", _CLEAN, yes=0.031, base=1.0),
        Trait(
            "bold",
            "Mixed: a third of the items go the wrong way.",
            (2.0, 1.0, 0.6, 0.3, -0.8, -1.0),
            base=-0.5,
        ),
        Trait(
            "rude",
            "Half of the items go the wrong way, the mean hardly moves; some Yes/No bias.",
            (1.2, 0.9, 0.6, -0.5, -0.8, -1.1),
            yes=0.274,
        ),
        Trait(
            "proud",
            "Letter bias: nearly all of the spread of slopes is A against B.",
            (0.7, 0.62, 0.54, 0.46, 0.38, 0.3),
            letter=1.1,
            base=0.5,
        ),
        Trait(
            "loud",
            "Gain, letter bias and Yes/No bias together.",
            (1.3, 1.25, 1.2, 1.15, 0.5, -0.5),
            letter=0.62,
            yes=0.325,
        ),
        Trait(
            "frank",
            "Yes/No bias, and weak where a persona stands in the user turn.",
            (1.3, 1.2, 1.1, 0.9, 0.8, 0.7),
            yes=0.476,
            abroad=0.3,
        ),
        Trait(
            "idle",
            "Represented but never read: a vector exists and steers nothing.",
            _CLEAN,
            base=-1.0,
            read=False,
        ),
        Trait(
            "calm",
            "Saturating: as kind, but the effect stops at a cap, and layer 2 is best.",
            _CLEAN,
            yes=0.031,
            cap=0.6,
            shares="kind",
        ),
    )
}
"""The eight concepts by name."""
