"""Coverage of what lies between two variants, and of p values of nulls and predictions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from analysis.models.predicted_reliability import permuted
from tests.analysis.coverage_rows import Row, asked, covered, rejected
from tests.analysis.tables import fill, warehouse, words


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
            connection.execute(
                """
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
            """.replace("select * replace", "select vector.* replace")
            )
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
