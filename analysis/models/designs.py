"""Slopes as matrices: the runs and layers that were measured on the same items, side by side."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from analysis.models.running import Columns, Read

Array = npt.NDArray[np.float64]


class Design(NamedTuple):
    """Items (rows, by item_id) and the slopes of every run and layer that holds just these."""

    items: Columns
    """Columns of models/slope_items.sql, each [n_items]."""
    question: npt.NDArray[np.int64]
    """Number of each item's question, 0 to n_questions - 1."""
    question_ids: list[str]
    run_ids: list[str]
    layers: list[int]
    slopes: Array
    """Logits per multiplier, float64 [n_items, runs and layers]."""
    slope_floors: Array
    """The smallest slope that can be told from nothing, [runs and layers]."""
    n_multipliers: npt.NDArray[np.int64]
    """The fewest multipliers behind a slope, [runs and layers]."""


def designs(read: Read) -> Iterator[Design]:
    """Yield the designs of `slope_cells` with their items from `slope_items`."""
    cells, items = read("slope_cells"), read("slope_items")
    keys = zip(items["evaluation_id"], items["item_id"], strict=True)
    row_of = {key: row for row, key in enumerate(keys)}
    bounds = np.flatnonzero(np.diff(cells["design"], prepend=-1, append=-1))
    for start, end in itertools.pairwise(bounds):
        evaluation_id = cells["evaluation_id"][start]
        rows = [row_of[evaluation_id, item_id] for item_id in cells["items"][start]]
        yield _design(
            {name: column[rows] for name, column in items.items()},
            {name: column[start:end] for name, column in cells.items()},
        )


def merged(some: Iterable[Design]) -> Iterator[Design]:
    """Yield designs on the same items as one: for what an evaluation changes nothing about.

    Those on the same items follow each other. Columns of an evaluation (prompt_tokens,
    answer_logmass) are the first one's.
    """
    for _, group in itertools.groupby(some, lambda design: design.items["item_id"].tolist()):
        alike = list(group)
        first = alike[0]
        yield first._replace(
            run_ids=[run for design in alike for run in design.run_ids],
            layers=[layer for design in alike for layer in design.layers],
            slopes=np.concatenate([design.slopes for design in alike], axis=1),
            slope_floors=np.concatenate([design.slope_floors for design in alike]),
            n_multipliers=np.concatenate([design.n_multipliers for design in alike]),
        )


def _design(items: Columns, cells: Columns) -> Design:
    question_ids, question = np.unique(items["question_id"].astype(str), return_inverse=True)
    return Design(
        items,
        question,
        question_ids.tolist(),
        cells["run_id"].tolist(),
        cells["layer"].tolist(),
        np.stack([np.asarray(slopes, float) for slopes in cells["slopes"]], axis=1),
        cells["slope_floor"].astype(float),
        cells["n_multipliers"].astype(np.int64),
    )


def per_question(design: Design, values: npt.NDArray[Any]) -> Array:
    """Return the sums of `values` [n_items, ...] over the items of each question."""
    total = np.zeros((len(design.question_ids), *values.shape[1:]))
    np.add.at(total, design.question, values)
    return total
