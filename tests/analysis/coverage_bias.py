"""Do the stated intervals of the bias analyses hold the truth, and is a null refused in 5 %?

`python -m tests.analysis.coverage_bias [TABLES]` prints the figures, 2,000 tables by default.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import duckdb
import numpy as np

from analysis.models.share_moments import Corners, order_free, sequential, shares
from tests.analysis.bias_tables import Table, warehouse
from tests.analysis.conftest import rows

PER_CONCEPT = 50
"""Tables that share their questions, and so the exchanges behind their p."""


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


class Row(NamedTuple):
    """One metric over all tables of one model."""

    analysis: str
    tables: str
    metric: str
    truth: float
    stated: float
    """Share of tables that state an interval."""
    covered: float
    """Share of the stated intervals that hold the truth."""
    below: float
    """Share of the stated intervals that lie below the truth."""
    above: float
    refused: float
    """Share of tables with p < .05, NaN without a p."""


def tables(model: Model, n: int) -> list[Table]:
    """Return n tables of slopes, PER_CONCEPT of them to a concept."""
    found = []
    for number, start in enumerate(range(0, n, PER_CONCEPT)):
        slopes = model.draw(min(PER_CONCEPT, n - start), seed=100 + number)
        name = f"{model.name} {number}"
        found.append(Table(name, *model.design(), slopes, baseline=np.zeros(len(slopes))))
    return found


def judged(
    analysis: str, model: str, metric: str, truth: float, found: list[tuple[Any, Any, Any]]
) -> Row:
    """Return the row of a metric, from (low, high, p) of every table."""
    low, high, p = (np.array(column, float) for column in zip(*found, strict=True))
    stated = ~np.isnan(low)
    below, above = high[stated] < truth - 1e-9, low[stated] > truth + 1e-9
    none = not stated.any()
    return Row(
        analysis, model, metric, truth, stated.mean(),
        np.nan if none else 1 - below.mean() - above.mean(),
        np.nan if none else below.mean(), np.nan if none else above.mean(),
        np.nan if np.isnan(p).all() else float((p < 0.05).mean()),
    )  # fmt: skip


def of_shares(connection: duckdb.DuckDBPyConnection, model: Model) -> Iterator[Row]:
    found = rows(connection, "bias_shares")
    for (kind, factor), truth in model.truth().items():
        own = [
            (row["share_low"], row["share_high"], row["p"])
            for row in found
            if (row["kind"], row["factor"]) == (kind, factor)
        ]
        yield judged("bias_shares", model.name, f"{kind} {factor}", truth, own)


def of_effects(connection: duckdb.DuckDBPyConnection, model: Model) -> Iterator[Row]:
    found = rows(connection, "bias_effects")
    for factor, truth in model.effects().items():
        own = [
            (row["effect_low"], row["effect_high"], row["p"])
            for row in found
            if row["factor"] == factor
        ]
        yield judged("bias_effects", model.name, factor, truth, own)


def of_pairs(connection: duckdb.DuckDBPyConnection, model: Model) -> Iterator[Row]:
    found = rows(connection, "letter_or_concept")
    for metric, truth in (
        ("concept", model.mean), ("letter", model.letter), ("letter_led", model.letter_led()),
    ):  # fmt: skip
        own = [
            (row[f"{metric}_low"], row[f"{metric}_high"], row.get(f"{metric}_p")) for row in found
        ]
        yield judged("letter_or_concept", model.name, metric, truth, own)


def of_model(model: Model, n: int) -> Iterator[Row]:
    """Yield every row that slopes alone give."""
    with warehouse(tables(model, n)) as connection:
        yield from of_shares(connection, model)
        yield from of_effects(connection, model)
        if model.both:
            yield from of_pairs(connection, model)


def of_unsteered(n: int, questions: int = 40, lean: float = 0.3) -> Iterator[Row]:
    """Yield the rows of unsteered_bias: a lean to the first letter, none to Yes."""
    model = Model("unsteered", questions, letter=2 * lean, mean=0.2)
    question, first, yes = model.design()
    logit_diff = model.draw(n, seed=7)
    random = np.random.default_rng(8)
    slopes = random.normal(1, 0.1, logit_diff.shape)
    with warehouse([Table("unsteered", question, first, yes, slopes, logit_diff)]) as connection:
        found = rows(connection, "unsteered_bias")
    large = model.draw(20_000, seed=9)
    side = {"letter": first, "yes_no": yes}
    for factor, truth in (("letter", lean), ("yes_no", 0.0)):
        own = [row for row in found if row["factor"] == factor]
        leans = [(row["lean_low"], row["lean_high"], row["p"]) for row in own]
        yield judged("unsteered_bias", "both orders", f"{factor} lean", truth, leans)
        chosen = ((large > 0) == (side[factor] == 1)[:, None]).mean()
        bounds = [(row["chosen_low"], row["chosen_high"], None) for row in own]
        yield judged("unsteered_bias", "both orders", f"{factor} chosen", float(chosen), bounds)


def of_mass(n: int, difference: float, questions: int = 100) -> Iterator[Row]:
    """Yield the rows of bias_by_answer_mass: items that fall silent are steeper by `difference`."""
    found_tables = []
    for table in tables(Model(f"mass {difference}", questions, letter=0.5), n):
        random = np.random.default_rng([11, len(found_tables)])
        silent = random.random(table.slopes.shape) < 0.3
        slopes = table.slopes + difference * silent
        logmass = np.where(silent, -3.0, -0.1)
        found_tables.append(
            Table(
                table.name, table.question, table.first, table.yes, slopes, table.baseline, logmass
            )
        )
    with warehouse(found_tables) as connection:
        found = rows(connection, "bias_by_answer_mass")
    own = [(row["difference_low"], row["difference_high"], row["p"]) for row in found]
    yield judged("bias_by_answer_mass", "3 in 10 silent", "difference", difference, own)


def of_factors(n: int, questions: int = 100) -> Iterator[Row]:
    """Yield how often bias_factors refuses: letter, yes/no and confidence matter, nothing else."""
    model = Model("factors", questions, letter=1, yes=0.8)
    made = []
    for table in tables(model, n):
        random = np.random.default_rng([13, len(made)])
        own = {
            "label_confidence": random.uniform(0.6, 1, questions)[table.question],
            "prompt_tokens": random.integers(30, 90, questions)[table.question] + 5 * table.yes,
            "extra": random.integers(0, 30, questions)[table.question],
            "unsteered_logmass": -random.exponential(0.3, len(table.question)),
        }
        slopes = table.slopes + 3 * own["label_confidence"][:, None]
        made.append(
            Table(
                table.name,
                table.question,
                table.first,
                table.yes,
                slopes,
                table.baseline,
                columns=own,
            )
        )
    with warehouse(made) as connection:
        found = rows(connection, "bias_factors", layer="0")
    for factor in dict.fromkeys(row["factor"] for row in found):
        ps = [(None, None, row["p"]) for row in found if row["factor"] == factor]
        yield judged("bias_factors", "letter, yes, confidence matter", factor, np.nan, ps)


def every(n: int) -> Iterator[Row]:
    for model in (*INTERIOR, *HARD, *NULL):
        yield from of_model(model, n)
    yield from of_unsteered(n)
    for difference in (0.0, 0.4):
        yield from of_mass(n, difference)
    yield from of_factors(n)


def line(row: Row) -> str:
    numbers = [row.stated, row.covered, row.below, row.above, row.refused]
    cells = ["" if np.isnan(number) else f"{100 * number:.1f}" for number in numbers]
    truth = "" if np.isnan(row.truth) else f"{row.truth:.3f}"
    return f"| {row.analysis} | {row.tables} | {row.metric} | {truth} | {' | '.join(cells)} |"


if __name__ == "__main__":
    print(
        "| analysis | tables | metric | truth | stated % | covered % | below % | above % | p < .05 % |"
    )
    print("|---|---|---|---:|---:|---:|---:|---:|---:|")
    for found in every(int(sys.argv[1]) if len(sys.argv) > 1 else 2000):
        print(line(found), flush=True)
