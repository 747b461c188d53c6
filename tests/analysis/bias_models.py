"""Slopes with planted biases, whose true shares, effects and letter-led questions are known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from analysis.models.share_moments import Corners, order_free, sequential, shares


@dataclass(frozen=True)
class Model:
    """slope = mean + a + yes * y + (letter + g) * l + 2 * interaction * l * y + e, l and y = +-1/2;
    a and g belong to the question, e to the item."""

    name: str
    questions: int
    both: bool = True
    """Both orders of every question."""
    letter: float = 0.0
    yes: float = 0.0
    interaction: float = 0.0
    question_sd: float = 0.8
    letter_sd: float = 0.3
    item_sd: float = 0.2
    mean: float = 0.5
    skewed: bool = False
    """Exponential instead of normal."""
    first_share: float = 0.5
    """Share of questions with the positive option first, where not both orders run."""
    yes_no: bool = True
    """Whether answers are Yes and No at all."""
    uneven: float = 1.0
    """Factor on the noise of Yes questions."""
    seed: int = 0

    def design(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return question, first and yes of every item."""
        number = np.arange(self.questions)
        yes = number % 2 * self.yes_no
        if self.both:
            question = np.repeat(number, 2)
            return question, np.tile([1, 0], self.questions), yes[question]
        first = (number // 2) % max(2, round(1 / self.first_share)) == 0
        return number, first.astype(int), yes

    def draw(self, n: int, seed: int) -> np.ndarray:
        """Return slopes [n_items, n]."""
        random = np.random.default_rng([self.seed, seed, *self.name.encode()])

        def noise(*shape: int) -> np.ndarray:
            if self.skewed:
                return random.exponential(1, shape) - 1
            return random.normal(0, 1, shape)

        question, first, yes = self.design()
        left, y = (first - 0.5)[:, None], (yes - 0.5)[:, None]
        a, g = noise(self.questions, n)[question], noise(self.questions, n)[question]
        e = noise(len(question), n)
        scale = np.where(y > 0, self.uneven, 1.0)
        own = scale * (self.question_sd * a + self.letter_sd * g * left + self.item_sd * e)
        return self.mean + own + self.yes * y + self.letter * left + 2 * self.interaction * left * y

    def variance(self) -> float:
        """Return the variance of an item's slope about its corner's mean."""
        own = self.question_sd**2 + self.letter_sd**2 / 4 + self.item_sd**2
        return own * (1 + self.uneven**2) / 2

    def truth(self) -> dict[tuple[str, str], float]:
        """Return the true shares by kind and factor: those of the corner means, noise added."""
        _, first, yes = self.design()
        left, y = first - 0.5, yes - 0.5
        mean = self.yes * y + self.letter * left + 2 * self.interaction * left * y
        corner = (2 * first + yes)[:, None] == np.arange(4)
        squares = (mean**2).sum() + len(first) * self.variance()
        sums = Corners(corner.sum(axis=0).astype(float), mean @ corner, np.array(squares))
        found = shares(sums)
        crossed = bool(corner.any(axis=0).all())
        parts = {"sequential": sequential(found), "order_free": order_free(found, crossed)}
        known = {
            (kind, factor): float(value)
            for kind, part in parts.items()
            for factor, value in part.items()
            if not np.isnan(value)
        }
        if self.both:
            known |= self._paired()
        return known

    def _paired(self) -> dict[tuple[str, str], float]:
        scale = (1 + self.uneven**2) / 2
        letter = self.letter**2 / 4
        differs = scale * (self.letter_sd**2 / 4 + self.item_sd**2 / 2) + self.interaction**2 / 4
        question = scale * (self.question_sd**2 + self.item_sd**2 / 2) + self.yes**2 / 4
        total = letter + differs + question
        parts = {"letter": letter, "question_by_letter": differs, "question": question}
        return {("paired", factor): part / total for factor, part in parts.items()}

    def effects(self) -> dict[str, float]:
        """Return the difference of mean slopes between the sides of each factor."""
        _, first, yes = self.design()
        left, y = first - 0.5, yes - 0.5
        mean = self.yes * y + self.letter * left + 2 * self.interaction * left * y
        sides = {"letter": left > 0, "yes_no": y > 0}
        return {
            name: float(mean[side].mean() - mean[~side].mean())
            for name, side in sides.items()
            if 0 < side.sum() < side.size
        }

    def letter_led(self) -> float:
        """Return the chance that a question's two slopes have opposite signs."""
        slopes = self.draw(1_000_000 // self.questions, seed=1)
        return float((slopes[0::2] * slopes[1::2] < 0).mean())


INTERIOR = (
    Model("both orders", 100, letter=1, yes=0.8, interaction=0.5),
    Model("one order", 200, both=False, letter=1, yes=0.8, interaction=0.6),
    Model("mostly letter", 150, letter=3, yes=0.5, interaction=0.4, question_sd=0.4),
    Model("unbalanced", 240, both=False, letter=1.2, yes=0.8, interaction=0.6, first_share=0.25),
)
HARD = (
    Model("skewed", 150, letter=1, yes=0.8, interaction=0.5, skewed=True),
    Model("n = 10", 10, letter=2, yes=1, interaction=0.5),
    Model("n = 10, one order", 10, both=False, letter=2.5, question_sd=0.6),
    Model("n = 10, letters only", 10, both=False, yes_no=False, letter=2.5, question_sd=0.6),
    Model("n = 40, one order", 40, both=False, letter=2.5, question_sd=0.6),
    Model("n = 20, one order", 20, both=False, letter=2.5, question_sd=0.6),
    Model("small truth", 60, letter=0.3, yes=0.3),
    Model("truth 1", 10, letter=2, question_sd=0, letter_sd=0, item_sd=0),
)
NULL = (
    Model("nothing", 100),
    Model("nothing, one order", 100, both=False),
    Model("nothing, 1 in 5 first", 100, both=False, first_share=0.2),
    Model("nothing, uneven", 100, both=False, uneven=3),
    Model("nothing, skewed", 100, skewed=True),
    Model("nothing, n = 10", 10),
    Model("only yes/no", 100, both=False, yes=2),
)
