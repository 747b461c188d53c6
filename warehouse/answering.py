"""A warning where the model does not answer: its logit differences say little then."""

from __future__ import annotations

from collections.abc import Sequence

import duckdb

from warehouse import queries

NAMED = 3
"""How many evaluations a warning names."""
FILTERS = ("experiment", "model", "concept", "method")


def warning(connection: duckdb.DuckDBPyConnection, **filters: Sequence[str] | None) -> str | None:
    """Return one line on the runs whose model does not answer unsteered, or None.

    `filters` are names or globs of experiment, model, concept and method, as in `asked_runs`.
    """
    given = {name: list(filters.get(name) or []) or None for name in FILTERS}
    found = queries.rows(connection, "not_answering", **given)
    if not found:
        return None
    named = ", ".join(
        f"{model} · {concept} · {variant} ({mass:.2g})"
        for model, concept, variant, mass, _ in found[:NAMED]
    )
    more = f" and {len(found) - NAMED} more" if len(found) > NAMED else ""
    return (
        f"Warning: in {len(found)} of {found[0][-1]} evaluations both answers together have less "
        f"than half of the probability, unsteered (median): {named}{more}; slopes say little "
        "there: `steerhouse analyse answer_mass` shows more, another variant or a chat template "
        "may help"
    )
