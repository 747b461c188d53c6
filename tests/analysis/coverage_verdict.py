"""How often a verdict is given where its opposite is true, and where it is true itself."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from tests.analysis.coverage_lines import Row, ask, covered
from tests.analysis.paired_items import Draw, alike, hits, pairs
from tests.analysis.simulated import FITTED, Family, Vector, warehouse

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
