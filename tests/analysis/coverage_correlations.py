"""Coverage of correlations over concepts."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from tests.analysis.coverage_rows import Row, covered, rejected
from tests.analysis.tables import warehouse

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
                label = {"pearson": "Pearson, Fisher z", "spearman": "Spearman, Bonett-Wright"}[
                    name
                ]
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
