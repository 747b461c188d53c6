"""How often the stated 95 % intervals of the reliability analyses hold the truth.

    python -m tests.analysis.coverage_reliability [METRIC [TABLES]]

Every row is 2,000 simulated tables in one warehouse, asked once. Interior truths should be covered
in 93.5 to 96.5 % of tables, fractions in 94 % or more; edge cases (truth 0 or 1, ten questions) are
rows of their own. Verdict rows count verdicts where their opposite is true.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from tests.analysis.simulated import FITTED, Asked, Family, Vector, warehouse

Draw = np.random.Generator
MISSES = ("skewed-48", "exponential, 200 questions, truth 387")
"""Cases of long tails in which an interval does not hold what it says: a t interval of lognormal
slopes (skewness 6) covers .915 with 48 questions; the interval of a spread .905 for exponential
slopes, whose fourth moment 200 questions underestimate."""


@dataclass(frozen=True)
class Row:
    """One line of the table of figures."""

    metric: str
    case: str
    share: float
    """Share of tables whose interval holds the truth, or of verdicts of that kind."""
    low: float
    """What the share may be, apart from the noise of simulating."""
    high: float
    width: float = np.nan
    """Mean width of the interval."""
    edge: bool = False

    def holds(self, tables: int) -> bool:
        """Return whether the share is within its limits, three standard errors allowed."""
        slack = 3 * np.sqrt(0.05 * 0.95 / tables)
        return self.low - slack <= self.share <= self.high + slack

    def __str__(self) -> str:
        where = "edge" if self.edge else ""
        return (
            f"{self.metric:<34}{self.case:<44}{self.share:>8.4f}{self.width:>9.3f}  "
            f"{self.low:.3f}-{self.high:.3f} {where}"
        )


def covered(
    metric: str, case: str, found: tuple[np.ndarray, np.ndarray], truth: object,
    fraction: bool = False, edge: bool = False,
) -> Row:  # fmt: skip
    low, high = found
    value = np.asarray(truth)
    hit = (low <= value + 1e-9) & (value - 1e-9 <= high)
    limits = (0.94, 1.0) if fraction or edge else (0.935, 0.965)
    return Row(metric, case, float(hit.mean()), *limits, float(np.mean(high - low)), edge)


def pairs(questions: int) -> np.ndarray:
    return np.repeat(np.arange(questions), 2)


def alike(draw: Draw, tables: int, questions: int, correlation: float) -> np.ndarray:
    """Return standard normal [tables, 2 * questions], both items of a question correlated."""
    shared = draw.normal(size=(tables, questions))[:, pairs(questions)]
    own = draw.normal(size=(tables, 2 * questions))
    return np.sqrt(correlation) * shared + np.sqrt(1 - correlation) * own


def hits(draw: Draw, tables: int, questions: int, p: float, correlation: float) -> np.ndarray:
    """Return 0/1 [tables, 2 * questions] with that chance and correlation within a question."""
    shared = (draw.random((tables, questions)) < p)[:, pairs(questions)]
    own = draw.random((tables, 2 * questions)) < p
    copied = draw.random((tables, questions))[:, pairs(questions)] < np.sqrt(correlation)
    keep = copied & (draw.random((tables, 2 * questions)) < np.sqrt(correlation))
    return np.where(keep, shared, own)


def ask(asked: Asked, name: str, family: str, *ends: str, **given: str) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    found = asked.columns(name, family, *ends, **given)
    return found[ends[0]], found[ends[1]]


def steerability(draw: Draw, tables: int) -> Iterable[Row]:
    made = {}
    for name, questions, correlation, skew in [
        ("normal-10", 10, 0.5, False), ("normal-48", 48, 0.0, False), ("normal-48-alike", 48, 0.9, False),
        ("skewed-48", 48, 0.5, True),
    ]:  # fmt: skip
        noise = alike(draw, tables, questions, correlation)
        made[name] = Family(name, {FITTED: 1 + (np.exp(noise) - np.exp(0.5) if skew else 1.5 * noise)}, pairs(questions))  # fmt: skip
    with warehouse(*made.values()) as asked:
        for name in made:
            found = ask(asked, "steerability", name, "steerability_low", "steerability_high")
            yield covered("steerability", name, found, 1.0, edge=not name.startswith("normal-48"))  # fmt: skip


def anti_steerable(draw: Draw, tables: int) -> Iterable[Row]:
    cases = [(10, p, 0.5) for p in (0.0, 0.3, 0.5, 1.0)]
    cases += [(48, p, r) for p in (0.0, 0.02, 0.1, 0.3, 0.5, 1.0) for r in (0.0, 0.8)]
    made = []
    for number, (questions, p, correlation) in enumerate(cases):
        wrong = hits(draw, tables, questions, p, correlation)
        made.append(Family(f"f{number}", {FITTED: 1.0 - 2 * wrong}, pairs(questions)))
    with warehouse(*made) as asked:
        for family, (questions, p, correlation) in zip(made, cases, strict=True):
            found = ask(asked, "steerability", family.name, "anti_steerable_low", "anti_steerable_high")  # fmt: skip
            case = f"truth {p:g}, {questions} questions, correlation {correlation:g}"
            yield covered("anti_steerable_fraction", case, found, p, fraction=True, edge=p in (0, 0.02, 1) or questions == 10)  # fmt: skip


def vectors(draw: Draw, tables: int, questions: int, resamples: int) -> dict[Vector, np.ndarray]:
    """Return slopes under fitted and resampled vectors: 30 training differences in 4 dimensions.

    An item's slope is the product of its own gradient with the vector; the truth over new training
    and test questions is 1.
    """
    d, n = 4, 30
    centre = np.array([1.0, 0, 0, 0])
    training = centre + draw.normal(0, 1.2, (tables, n, d))
    gradient = centre + 0.8 * np.moveaxis(
        np.array([alike(draw, tables, questions, 0.5) for _ in range(d)]), 0, -1
    )
    found = {FITTED: np.einsum("tid,td->ti", gradient, training.mean(axis=1))}
    for number in range(resamples):
        rows = draw.integers(0, n, (tables, n))
        again = np.take_along_axis(training, rows[:, :, None], axis=1).mean(axis=1)
        found[Vector("resample", number=number)] = np.einsum("tid,td->ti", gradient, again)
    return found


def unconditional(draw: Draw, tables: int) -> Iterable[Row]:
    made = [Family(f"u{q}", vectors(draw, tables, q, 20), pairs(q)) for q in (24, 48)]
    with warehouse(*made) as asked:
        for family in made:
            q = family.name[1:]
            found = ask(asked, "steerability", family.name, "unconditional_low", "unconditional_high")  # fmt: skip
            yield covered("steerability, unconditional", f"{q} questions, 20 resamples", found, 1.0)
            found = ask(asked, "steerability", family.name, "steerability_low", "steerability_high")  # fmt: skip
            yield Row("  the conditional one, for that", f"{q} questions", covered("", "", found, 1.0).share, 0, 1)  # fmt: skip


def sign_stability(draw: Draw, tables: int) -> Iterable[Row]:
    """Vectors fixed, questions drawn: a stable item has 8 equal signs, another one four of each."""
    cases = [(10, 0.7, 0.5), *((48, p, 0.5) for p in (0.0, 0.2, 0.7, 1.0))]
    made = []
    for number, (questions, p, correlation) in enumerate(cases):
        stable = hits(draw, tables, questions, p, correlation)
        slopes = {FITTED: np.ones(stable.shape)}
        for k in range(8):
            slopes[Vector("resample", number=k)] = np.where(stable, 1.0, (-1.0) ** k)
        made.append(Family(f"s{number}", slopes, pairs(questions)))
    with warehouse(*made) as asked:
        for family, (questions, p, correlation) in zip(made, cases, strict=True):
            found = ask(asked, "sign_stability", family.name, "sign_stable_low", "sign_stable_high")  # fmt: skip
            case = f"truth {p:g}, {questions} questions, correlation {correlation:g}"
            yield covered("sign_stable_fraction", case, found, p, fraction=True, edge=p in (0, 1) or questions == 10)  # fmt: skip


def shapes(draw: Draw, tables: int) -> Iterable[Row]:
    """Linear items among others that do not move: the mean curve is linear, the share is the truth."""
    grid = (-1.5, -1.0, -0.5, 0.5, 1.0, 1.5)
    cases = [(q, p) for q in (10, 48) for p in (0.3, 0.8, 1.0)]
    made = []
    for number, (questions, p) in enumerate(cases):
        linear = hits(draw, tables, questions, p, 0.5)
        linear[:, :2] = True  # a curve of nobody has no shape
        made.append(Family(f"c{number}", {FITTED: linear * 1.0}, pairs(questions), multipliers=grid))  # fmt: skip
    with warehouse(*made) as asked:
        for family, (questions, p) in zip(made, cases, strict=True):
            truth = (1 + p * (questions - 1)) / questions
            found = ask(asked, "curve_shape", family.name, "linear_low", "linear_high")
            case = f"truth {truth:.3f}, {questions} questions"
            yield covered("linear_fraction (curve_shape)", case, found, truth, fraction=True, edge=p == 1 or questions == 10)  # fmt: skip


def sample_size(draw: Draw, tables: int) -> Iterable[Row]:
    made, truths = [], []
    for name, questions, skew in (("normal", 48, 0), ("normal-many", 200, 0), ("exponential", 200, 1)):  # fmt: skip
        shared = draw.normal(size=(tables, questions)) if not skew else draw.exponential(size=(tables, questions))  # fmt: skip
        made.append(Family(f"n-{name}", {FITTED: 1 + shared[:, pairs(questions)]}, pairs(questions)))  # fmt: skip
        truths.append((name, questions))
    exact = next(n for n in range(3, 2000) if t_quantile(n - 1) / np.sqrt(n) <= 0.1)
    with warehouse(*made) as asked:
        for family, (name, questions) in zip(made, truths, strict=True):
            found = ask(asked, "sample_size", family.name, "questions_low", "questions_high")
            yield covered("questions_for_steerability", f"{name}, {questions} questions, truth {exact}", found, exact, edge=name == "exponential")  # fmt: skip


def t_quantile(df: int) -> float:
    from scipy.stats import t

    return float(t.ppf(0.975, df))


def suspects(draw: Draw, tables: int) -> Iterable[Row]:
    cases = [(48, 6), (48, 24), (200, 20), (10, 3)]
    made = []
    for questions, removed in cases:
        flag = pairs(questions) < removed
        slopes = 1 + 0.5 * flag + alike(draw, tables, questions, 0.5) * np.where(flag, 1.5, 1.0)
        made.append(Family(f"l{questions}-{removed}", {FITTED: slopes}, pairs(questions), leaked=flag))  # fmt: skip
    with warehouse(*made) as asked:
        for family, (questions, removed) in zip(made, cases, strict=True):
            relation = asked.columns("suspect_items", family.name, "subset", "difference_low", "difference_high")  # fmt: skip
            kept = relation["subset"] == "without_leaked"
            found = relation["difference_low"][kept], relation["difference_high"][kept]
            case = f"{removed} of {questions} questions leaked"
            yield covered("difference without leaked", case, found, -0.5 * removed / questions, edge=removed < 6)  # fmt: skip


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


NULLS = [Vector("null", kind, k) for kind in ("random", "label_shuffled") for k in range(20)]


def exchangeable(draw: Draw, tables: int, questions: int) -> dict[Vector, np.ndarray]:
    """Return slopes of a fitted vector that is one more of its nulls: each has a shift of its own."""
    common = alike(draw, tables, questions, 0.5)
    return {
        vector: common * draw.normal(0, 0.5, (tables, 1)) + draw.normal(0, 0.4, (tables, 1))
        for vector in (FITTED, *NULLS)
    }


def verdict(draw: Draw, tables: int) -> Iterable[Row]:
    q = 48
    place = np.tile([0, 1], q)
    noise = alike(draw, tables, q, 0.5)

    def family(name: str, slopes: np.ndarray) -> Family:
        return Family(name, {FITTED: slopes}, pairs(q), positive_option=place)

    follow = [np.where(hits(draw, tables, q, 1 - p, 0.3), -1.0, 1.0) + 0.01 * noise for p in (0.9, 0.8)]  # fmt: skip
    layers = np.stack([alike(draw, tables, 24, 0.5) for _ in range(5)])
    made = [
        family("nothing", noise),
        family("letter", 2.0 * (1 - 2 * place) + noise),
        family("concept", 2.0 + 0.3 * noise),
        family("ninety", follow[0]),
        family("eighty", follow[1]),
        Family("exchangeable", exchangeable(draw, tables, 12), pairs(12), positive_option=place[:24]),
        Family("layers", {FITTED: layers}, pairs(24), positive_option=place[:48]),
        Family("one-letter", {FITTED: 2.0 + noise}, pairs(q), positive_option=0 * place),
    ]  # fmt: skip
    steers = ("steers reliably", "steers in part")
    with warehouse(*made) as asked:

        def share(name: str, *verdicts: str, **given: str) -> float:
            found = asked.columns("verdict", name, "verdict", **given)["verdict"]
            return float(np.isin(found, verdicts).mean())

        layer = {"layer": "0"}
        yield Row("verdict steers, no null", "mean slope 0", share("nothing", *steers, **layer), 0, 0.025)  # fmt: skip
        yield Row("verdict only through a bias", "no letter effect, mean slope 0", share("nothing", "only through a bias", **layer), 0, 0.005)  # fmt: skip
        yield Row("verdict steers", "letter moves, concept does not", share("letter", *steers, **layer), 0, 0.025)  # fmt: skip
        yield Row("verdict only through a bias", "letter moves (power)", share("letter", "only through a bias", **layer), 0.99, 1)  # fmt: skip
        yield Row("verdict steers reliably", "all follow (power)", share("concept", "steers reliably", **layer), 0.99, 1)  # fmt: skip
        yield Row("verdict steers reliably", "exactly .9 follow (false)", share("ninety", "steers reliably", **layer), 0, 0.03)  # fmt: skip
        yield Row("verdict steers reliably", ".8 follow (false)", share("eighty", "steers reliably", **layer), 0, 0.005)  # fmt: skip
        found = asked.columns("verdict", "exchangeable", "random_p", "label_shuffled_p", "steerability", **layer)  # fmt: skip
        for kind in ("random", "label_shuffled"):
            yield Row(f"{kind}_p <= .05", "fitted vector is such a null", float((found[f"{kind}_p"] <= 0.05).mean()), 0.035, 0.065)  # fmt: skip
        yield Row("verdict steers, beyond nulls", "the same, all lines one family", share("exchangeable", *steers, **layer), 0, 0.001)  # fmt: skip
        yield Row("verdict steers, cross_fitted", "5 layers, mean slope 0", share("layers", *steers), 0, 0.04)  # fmt: skip
        ends = ask(asked, "verdict", "layers", "steerability_low", "steerability_high")
        yield covered("steerability, cross_fitted", "5 layers, truth 0", ends, 0.0)
        yield Row("verdict cannot tell", "positive option always first", share("one-letter", "cannot tell", **layer), 1, 1)  # fmt: skip


METRICS: tuple[Callable[[Draw, int], Iterable[Row]], ...] = (
    steerability, unconditional, anti_steerable, sign_stability, shapes, sample_size, suspects, compare, verdict,
)  # fmt: skip


def rows(tables: int, seed: int = 0, only: str = "") -> Iterable[Row]:
    """Yield the table of figures, one seeded generator for each metric."""
    for number, metric in enumerate(METRICS):
        if only in metric.__name__:
            yield from metric(np.random.default_rng([seed, number]), tables)


def main() -> None:
    only = sys.argv[1] if len(sys.argv) > 1 else ""
    tables = int(sys.argv[2]) if len(sys.argv) > 2 else 2000
    print(
        f"{'metric':<34}{'case':<44}{'share':>8}{'width':>9}  limits       {tables} tables each",
        flush=True,
    )
    for row in rows(tables, only=only):
        print(row, "" if row.holds(tables) else " <- MISSED", flush=True)


if __name__ == "__main__":
    main()
