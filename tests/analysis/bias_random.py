"""Items as they fall, for tests of bias_shares, and what it finds of one run on them."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.analysis.bias_tables import Table, warehouse
from tests.analysis.conftest import rows


def random_table(seed: int, unbalanced: bool) -> Table:
    """Return one to four items a question, letters and Yes as they fall, three runs."""
    draw = np.random.default_rng(seed)
    question = np.repeat(np.arange(30), draw.integers(1, 4, 30))
    first = (draw.random(question.size) < (0.8 if unbalanced else 0.5)).astype(int)
    yes = (draw.random(30) < 0.4)[question].astype(int) if unbalanced else question % 2
    slopes = 1 + draw.normal(0, 1, (30, 3))[question] + draw.normal(0, 0.5, (question.size, 3))
    slopes += 0.8 * first[:, None] - 0.5 * yes[:, None] + 0.9 * (first * yes)[:, None]
    return Table(f"random {seed}", question, first, yes, slopes.astype(np.float32).astype(float))


def found(table: Table, run: int = 0, **given: str) -> dict[tuple[str, str], dict[str, Any]]:
    with warehouse([table]) as connection:
        answer = rows(connection, "bias_shares", **given)
    own = [row for row in answer if row["run_id"] == table.run_id(run)]
    return {(row["kind"], row["factor"]): row for row in own}
