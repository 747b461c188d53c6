"""Coverage of ratios of two mean slopes, on the same questions and on different ones."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tests.analysis.coverage_rows import Row, asked, covered, rejected
from tests.analysis.tables import fill, warehouse, words


@dataclass(frozen=True)
class Ratio:
    case: str
    a: float
    b: float
    questions: int = 40
    items: int = 1
    sd: float = 1.0
    skewed: bool = False
    kind: str = "interior"


RATIOS = (
    Ratio("40 questions, b at 6 errors", 0.6, 1.0),
    Ratio("40 questions, b at 13 errors", -0.4, 2.0),
    Ratio("b below 0", 0.5, -1.0),
    Ratio("1 to 3 items a question", 0.6, 1.0, items=3),
    Ratio("20 questions", 1.2, 1.0, questions=20),
    Ratio("b at 3 errors", 0.4, 0.5, kind="edge"),
    Ratio("10 questions", 0.6, 1.5, questions=10, kind="edge"),
    Ratio("skewed slopes, 40 questions", 0.6, 1.0, skewed=True, kind="edge"),
    Ratio("no effect away", 0.0, 1.0),
    Ratio("as good as its own", 1.0, 1.0),
    Ratio("b is 0: no ratio", 0.5, 0.0, kind="edge"),
)


def _noise(draw: np.random.Generator, size: tuple[int, ...], skewed: bool) -> np.ndarray:
    return draw.standard_exponential(size) - 1 if skewed else draw.normal(size=size)


def _drawn(draw: np.random.Generator, case: Ratio, tables: int) -> tuple[np.ndarray, ...]:
    """Return table, question, item and both slopes of every item; questions are shared."""
    shape = (tables, case.questions)
    common, own_a, own_b = (_noise(draw, shape, case.skewed) for _ in range(3))
    a = case.a + case.sd * (np.sqrt(0.5) * common + np.sqrt(0.5) * own_a)
    b = case.b + case.sd * (np.sqrt(0.5) * common + np.sqrt(0.5) * own_b)
    counts = draw.integers(1, case.items + 1, shape).ravel()
    table, question = (part.ravel() for part in np.indices(shape))
    rows = np.repeat(np.arange(counts.size), counts)
    item = np.arange(rows.size)
    jitter = 0.3 * draw.normal(size=(2, rows.size)) if case.items > 1 else np.zeros((2, rows.size))
    return table[rows], question[rows], item, a.ravel()[rows] + jitter[0], b.ravel()[rows] + jitter[1]  # fmt: skip


def ratios(tables: int, cases: tuple[Ratio, ...] = RATIOS) -> list[Row]:
    """Relative steerability: A's vector and B's own on the same questions."""
    draw, found = np.random.default_rng(2), []
    with warehouse() as connection:
        columns: list[dict[str, np.ndarray]] = []
        for number, case in enumerate(cases):
            table, question, item, a, b = _drawn(draw, case, tables)
            both = {"concept": words("t", number * tables + table), "question": question, "item": item}  # fmt: skip
            columns += [
                {**both, "slope": slope, "fit_variant": np.full(len(a), fit)}
                for slope, fit in ((a, "base"), (b, "user_positive"))
            ]
        whole = {name: np.concatenate([part[name] for part in columns]) for name in columns[0]}
        fill(connection, variant="user_positive", **whole)
        answers = asked(connection, "relative_steerability")
    number = np.array([int(name[1:]) for name in answers["concept"]]) // tables
    for n, case in enumerate(cases):
        mine = number == n
        low, high = answers["relative_low"][mine], answers["relative_high"][mine]
        truth = case.a / abs(case.b) if case.b else None
        share = covered(low, high, truth if truth is not None else np.nan)
        found.append(Row("relative steerability, Fieller", case.case, truth, tables, *share, case.kind))  # fmt: skip
        ends = answers["difference_low"][mine], answers["difference_high"][mine]
        share = covered(*ends, case.a - case.b)
        found.append(Row("difference, paired t", case.case, case.a - case.b, tables, *share, case.kind))  # fmt: skip
        if case.a == case.b:
            share = rejected(answers["difference_p"][mine])
            found.append(Row("difference p", case.case, 0, tables, *share, "null"))
    return found


SIDES = (
    Ratio("40 questions here and at home", 0.4, 1.0),
    Ratio("20 questions here and at home", -0.3, 1.5, questions=20),
    Ratio("b below 0", 0.3, -1.0),
    Ratio("10 questions", 0.5, 1.5, questions=10, kind="edge"),
    Ratio("no side effect", 0.0, 1.0),
)


def side_effects(tables: int) -> list[Row]:
    """A vector on another concept's questions, against its effect at home."""
    draw, found, columns = np.random.default_rng(3), [], []
    with warehouse() as connection:
        for number, case in enumerate(SIDES):
            shape = (tables, case.questions)
            table, question = (part.ravel() for part in np.indices(shape))
            home = words("t", number * tables + table)
            for slope, concept in ((case.a, np.char.add(home, "x")), (case.b, home)):
                columns.append({"fit_concept": home, "concept": concept, "question": question, "slope": slope + draw.normal(size=home.size)})  # fmt: skip
        fill(connection, **{name: np.concatenate([part[name] for part in columns]) for name in columns[0]})  # fmt: skip
        answers = asked(connection, "side_effects")
    number = np.array([int(name[1:]) for name in answers["fit_concept"]]) // tables
    for n, case in enumerate(SIDES):
        mine = number == n
        share = covered(answers["relative_low"][mine], answers["relative_high"][mine], case.a / abs(case.b))  # fmt: skip
        found.append(Row("relative side effect, Fieller", case.case, case.a / abs(case.b), tables, *share, case.kind))  # fmt: skip
        share = covered(answers["side_effect_low"][mine], answers["side_effect_high"][mine], case.a)
        found.append(Row("side effect, cluster t", case.case, case.a, tables, *share, case.kind))
        if not case.a:
            share = rejected(answers["side_effect_p"][mine])
            found.append(Row("side effect p", case.case, 0, tables, *share, "null"))
    return found
