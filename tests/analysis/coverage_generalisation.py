"""How often the stated 95 % intervals hold the truth: `python -m tests.analysis.coverage_generalisation`.

Every metric is asked once over all its simulated tables, which lie in one warehouse, each a concept
(or a group of points) of its own. Where an interval is refused (`unclear` denominators) the share of
tables that have one is said beside the coverage among them.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

from analysis.models.predicted_reliability import permuted
from analysis.run import answer
from tests.analysis.tables import fill, words
from warehouse import migrate


@dataclass(frozen=True)
class Row:
    metric: str
    case: str
    truth: float | None
    tables: int
    stated: float
    """Share of tables with an interval, or with a p."""
    rate: float
    """Share of these whose interval holds the truth; under a null, whose p is at most .05."""
    kind: str
    """`interior`, `edge`, `fraction` or `null`."""


@contextmanager
def warehouse() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        migrate.apply(connection)
        yield connection


def asked(connection: duckdb.DuckDBPyConnection, name: str, **given: str) -> dict[str, np.ndarray]:
    """Return the columns of an analysis; nulls are NaN or None."""
    table = answer(connection, name, given).to_arrow_table()
    return {name: np.array(table[name].to_pylist()) for name in table.column_names}


def covered(low: Any, high: Any, truth: Any) -> tuple[float, float]:
    """Return the share of rows that have an interval, and of these the share that hold the truth."""
    low, high = np.asarray(low, float), np.asarray(high, float)
    there = np.isfinite(low) & np.isfinite(high)
    holds = (low <= truth) & (truth <= high)
    return float(there.mean()), float(holds[there].mean()) if there.any() else np.nan


def rejected(p: Any) -> tuple[float, float]:
    p = np.asarray(p, float)
    return float(np.isfinite(p).mean()), float((p[np.isfinite(p)] <= 0.05).mean())


# Correlations over concepts -----------------------------------------------------------------------


QUERY = """
from correlations(
    (
        select list({'g': g, 'c': c, 'x': x, 'y': y})
        from whole where g >= $first and g < $first + $most
    ), $draws, 0.95
) order by g
"""


def _spearman(rho: float) -> float:
    """Return Spearman's correlation of a bivariate normal with Pearson's rho (Pearson 1907)."""
    return float(6 / np.pi * np.arcsin(rho / 2))


def correlations(tables: int, bootstraps: int = 0) -> list[Row]:
    draw = np.random.default_rng(1)
    cases = [(40, 0.0), (40, 0.5), (40, 0.8), (40, 0.9), (36, -0.85), (20, 0.5), (20, 0.8), (10, 0.5), (8, 0.0), (5, 0.5)]  # fmt: skip
    found: list[Row] = []
    with warehouse() as connection:
        points = []
        for number, (n, rho) in enumerate(cases):
            x = draw.normal(size=(tables, n))
            y = rho * x + np.sqrt(1 - rho**2) * draw.normal(size=(tables, n))
            g = number * tables + np.repeat(np.arange(tables), n)
            c = np.tile(np.arange(n), tables)
            points.append(pa.table({"g": g, "c": c, "x": x.ravel(), "y": y.ravel()}))
        whole = pa.concat_tables(points)  # noqa: F841, DuckDB reads it by name
        table = connection.sql(QUERY, params={"most": len(cases) * tables, "first": 0, "draws": 1}).to_arrow_table()  # fmt: skip
        columns = {name: np.array(table[name].to_pylist(), float) for name in table.column_names}
        for number, (n, rho) in enumerate(cases):
            mine = columns["g"] // tables == number
            kind = "interior" if n >= 20 else "edge"
            for name, truth in (("pearson", rho), ("spearman", _spearman(rho))):
                share = covered(columns[f"{name}_low"][mine], columns[f"{name}_high"][mine], truth)
                label = {"pearson": "Pearson, Fisher z", "spearman": "Spearman, Bonett-Wright"}[name]
                found.append(Row(label, f"{n} concepts", truth, tables, *share, kind))
                if rho == 0:
                    share = rejected(columns[f"{name}_p"][mine])
                    found.append(Row(f"{name} p", f"{n} concepts, none", 0, tables, *share, "null"))
        for number, (n, rho) in enumerate(cases[:3] if bootstraps else []):
            first = number * tables
            given = {"first": first, "most": bootstraps, "draws": 500}
            table = connection.sql(QUERY, params=given).to_arrow_table()
            low, high = (table[f"bootstrap_{end}"].to_pylist() for end in ("low", "high"))
            share = covered(low, high, _spearman(rho))
            found.append(Row("Spearman, bootstrap beside", f"{n} concepts", _spearman(rho), bootstraps, *share, "edge"))  # fmt: skip
    return found


# Ratios -------------------------------------------------------------------------------------------


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


# Distances, nulls, cosines, predictions -----------------------------------------------------------


def distances(tables: int) -> list[Row]:
    """Unsteered logit differences of two items a question under two variants."""
    from scipy.stats import norm

    draw, found, columns = np.random.default_rng(4), [], []
    cases = [(1.0, 40), (0.2, 40), (0.0, 40), (1.0, 10)]
    for number, (shift, questions) in enumerate(cases):
        shape = (tables, questions, 2)
        table, question, item = (part.ravel() for part in np.indices(shape))
        base = draw.normal(size=shape)
        alike = np.sqrt(0.5) * draw.normal(size=shape[:2])[..., None]
        moved = base + shift + alike + np.sqrt(0.5) * draw.normal(size=shape)
        for variant, values in (("base", base), ("user_positive", moved)):
            columns.append({"concept": words("t", number * tables + table), "question": question, "item": question * 2 + item, "variant": np.full(table.size, variant), "baseline": values.ravel().astype(np.float32)})  # fmt: skip
    with warehouse() as connection:
        whole = {name: np.concatenate([part[name] for part in columns]) for name in columns[0]}
        fill(connection, slope=np.zeros(len(whole["concept"])), **whole)
        answers = asked(connection, "variant_distance")
    number = np.array([int(name[1:]) for name in answers["concept"]]) // tables
    for n, (shift, questions) in enumerate(cases):
        mine, kind = number == n, "interior" if questions >= 40 else "edge"
        case = f"{questions} questions, shift {shift}"
        folded = float(np.sqrt(2 / np.pi) * np.exp(-(shift**2) / 2) + shift * (1 - 2 * norm.cdf(-shift)))  # fmt: skip
        for metric, truth in (("distance", folded), ("shift", shift)):
            share = covered(answers[f"{metric}_low"][mine], answers[f"{metric}_high"][mine], truth)
            found.append(Row(f"variant {metric}, cluster t", case, truth, tables, *share, kind))
        if not shift:
            found.append(Row("variant shift p", case, 0, tables, *rejected(answers["shift_p"][mine]), "null"))  # fmt: skip
            # sign changes of two normals with correlation 1 / sqrt(2)
            share = covered(answers["changed_low"][mine], answers["changed_high"][mine], 0.25)
            found.append(Row("answers changed, Wilson", case, 0.25, tables, *share, "fraction"))
    return found


def nulls(tables: int, n_nulls: int = 20) -> list[Row]:
    """A vector that is one of its own nulls."""
    draw = np.random.default_rng(5)
    table, vector, question = (part.ravel() for part in np.indices((tables, n_nulls + 1, 2)))
    slope = 0.3 + draw.normal(size=(tables, n_nulls + 1)).repeat(2)
    with warehouse() as connection:
        fill(
            connection,
            concept=words("t", table),
            method=np.where(vector == 0, "mean_difference", "random"),
            number=np.where(vector == 0, "", vector.astype(str)),
            question=question,
            slope=slope,
        )
        answers = asked(connection, "generalisation_grid")
    share = rejected(answers["null_p"])
    return [Row("p from random vectors", f"{n_nulls} nulls", 0, tables, *share, "null")]


def cosines(tables: int, dimensions: int = 32, resamples: int = 20) -> list[Row]:
    """Vectors as means over 40 questions, resampled with the same questions under both variants."""
    draw, found = np.random.default_rng(6), []
    cases = [("little noise", 0.2, 0.7), ("half of the squared length noise", 1.0, 0.7), ("orthogonal", 0.5, np.pi / 2), ("the same direction", 0.5, 0.0)]  # fmt: skip
    for label, noise, angle in cases:
        one = np.eye(dimensions)[0]
        other = np.cos(angle) * one + np.sin(angle) * np.eye(dimensions)[1]
        with warehouse() as connection:
            fill(connection, concept=np.repeat(words("t", np.arange(tables)), 2), fit_variant=np.tile(["base", "user_positive"], tables), slope=np.ones(2 * tables))  # fmt: skip
            rows: dict[str, list[Any]] = {"vector_id": [], "parent": [], "resample": [], "direction": []}  # fmt: skip
            for table in range(tables):
                drawn = draw.integers(0, 40, (resamples, 40))
                for variant, mean in (("base", one), ("user_positive", other)):
                    parent = f"m|t{table}|{variant}|mean_difference|"
                    differences = mean + noise * draw.normal(size=(40, dimensions))
                    means = [differences.mean(axis=0), *differences[drawn].mean(axis=1)]
                    rows["vector_id"] += [parent, *(f"{parent}{k}" for k in range(resamples))]
                    rows["parent"] += [parent] * (resamples + 1)
                    rows["resample"] += [None, *range(resamples)]
                    rows["direction"] += [value.astype(np.float32) for value in means]
            made = pa.table({name: pa.array(values) for name, values in rows.items()})  # noqa: F841
            connection.execute("""
                insert into vector_direction select vector_id, 0, direction from made;
                insert into vector by name
                    select * replace (made.vector_id as vector_id, made.resample as resample,
                        'resample' as role, made.parent as parent_vector_id)
                    from made inner join vector on vector.vector_id = made.parent
                    where made.resample is not null;
                insert into vector_layer by name
                    select vector_id, 0 as layer, 1.0 as length, 1.0 as raw_length, 1.0 as factor,
                        false as degenerate
                    from made where resample is not null;
            """.replace("select * replace", "select vector.* replace"))
            connection.execute("update vector_fit set n_questions = 40")
            answers = asked(connection, "vector_cosine")
        share = covered(answers["corrected_low"], answers["corrected_high"], np.cos(angle) - 1e-9)
        kind = "interior" if noise < 1 and angle else "edge"
        found.append(Row("corrected cosine, resampled vectors", label, float(np.cos(angle)), tables, *share, kind))  # fmt: skip
    return found


def predictions(tables: int) -> list[Row]:
    """Outcomes that have nothing to do with the predictors."""
    draw = np.random.default_rng(7)
    found = []
    for n, exponential in ((36, False), (12, True)):
        p = []
        for _ in range(tables):
            y = draw.standard_exponential(n) if exponential else draw.normal(size=n)
            p.append(permuted(draw.normal(size=(n, 6)), y, 59, 1)[1])
        found.append(Row("skill p, held-out concepts", f"{n} concepts, 6 predictors", 0, tables, *rejected(p), "null"))  # fmt: skip
    return found


PARTS: dict[str, Callable[[int], list[Row]]] = {
    "correlations": lambda tables: correlations(tables * 5 // 2, bootstraps=min(tables, 400)),
    "ratios": ratios,
    "side_effects": side_effects,
    "distances": distances,
    "nulls": nulls,
    "cosines": lambda tables: cosines(min(tables, 1000)),
    "predictions": lambda tables: predictions(min(tables, 500)),
}


def line(row: Row) -> str:
    truth = "" if row.truth is None else f"{row.truth:.3f}"
    return f"| {row.metric} | {row.case} | {truth} | {row.tables} | {row.stated:.3f} | {row.rate:.3f} | {row.kind} |"  # fmt: skip


def main() -> None:
    """Print the table; parts may be named."""
    print("| metric | case | truth | tables | stated | rate | kind |\n|---|---|---|---|---|---|---|")
    for name in sys.argv[1:] or PARTS:
        for row in PARTS[name](2000):
            print(line(row), flush=True)


if __name__ == "__main__":
    main()
