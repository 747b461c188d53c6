"""Coverage of the differences between two methods on the same items."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from tests.analysis.coverage_lines import Row, ask, covered
from tests.analysis.paired_items import Draw, alike, pairs, vectors
from tests.analysis.simulated import FITTED, Family, Vector, warehouse

OTHER = Vector("fitted", "pca")


def compare(draw: Draw, tables: int) -> Iterable[Row]:
    made, cases = [], [(10, 0.5), (48, 0.0), (48, 0.9)]
    for number, (questions, correlation) in enumerate(cases):
        common = alike(draw, tables, questions, correlation)
        slopes = {
            FITTED: 1 + common + alike(draw, tables, questions, correlation),
            OTHER: 0.7 + common,
        }
        made.append(Family(f"d{number}", slopes, pairs(questions)))
    with warehouse(*made) as asked:
        for family, (questions, correlation) in zip(made, cases, strict=True):
            found = ask(asked, "compare", family.name, "difference_low", "difference_high")
            case = f"truth 0.3, {questions} questions, correlation {correlation:g}"
            yield covered("compare: difference", case, found, 0.3, edge=questions == 10)
    yield from compare_fractions(draw, tables)
    yield from compare_vectors(draw, tables)


def compare_fractions(draw: Draw, tables: int) -> Iterable[Row]:
    cases = [(q, p, o) for q in (10, 48, 200) for p, o in ((0.0, 0.0), (0.1, 0.1), (0.3, 0.2), (0.5, 0.1))]  # fmt: skip
    made = []
    for number, (questions, p, o) in enumerate(cases):
        uniform = draw.random((tables, questions))[:, pairs(questions)]
        other = draw.random((tables, questions * 2))
        mixed = np.where(draw.random((tables, 2 * questions)) < 0.6, uniform, other)
        made.append(Family(f"e{number}", {FITTED: 1 - 2.0 * (uniform < p), OTHER: 1 - 2.0 * (mixed < o)}, pairs(questions)))  # fmt: skip
    with warehouse(*made) as asked:
        for family, (questions, p, o) in zip(made, cases, strict=True):
            found = ask(asked, "compare", family.name, "anti_steerable_low", "anti_steerable_high")  # fmt: skip
            case = f"truth {p:g} - {o:g}, {questions} questions"
            yield covered("compare: anti-steerable", case, found, p - o, fraction=True, edge=p == 0 or questions == 10)  # fmt: skip


def compare_vectors(draw: Draw, tables: int) -> Iterable[Row]:
    """The second method's vector is the first one's with noise of the training draw of its own."""
    one = vectors(draw, tables, 48, 20)
    slopes = dict(one)
    for vector, values in one.items():
        name = Vector(vector.role, "pca", vector.number)
        slopes[name] = 0.6 * values
    family = Family("v", slopes, pairs(48))
    with warehouse(family) as asked:
        found = ask(asked, "compare", "v", "unconditional_low", "unconditional_high")
        yield covered("compare: difference, unconditional", "truth 0.4, 48 questions", found, 0.4)
