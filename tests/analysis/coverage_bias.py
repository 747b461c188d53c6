"""Do the stated intervals of the bias analyses hold the truth, and is a null refused in 5 %?

`python -m tests.analysis.coverage_bias [TABLES]` prints the figures, 2,000 tables by default.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any, NamedTuple

import duckdb
import numpy as np

from tests.analysis.bias_models import HARD, INTERIOR, NULL, Model
from tests.analysis.bias_tables import Table, warehouse
from tests.analysis.conftest import rows

PER_CONCEPT = 50
"""Tables that share their questions, and so the exchanges behind their p."""


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
