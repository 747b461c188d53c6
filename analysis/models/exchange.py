"""Nulls by exchange: whole questions change places, and the items within a question too.

A question is exchanged with those that have as many items, so that what its items share stays
together: what is drawn at random is questions, never rows.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Index = npt.NDArray[np.intp]


def _keys(
    question_ids: Sequence[str], seed: int, shape: tuple[int, ...]
) -> npt.NDArray[np.float64]:
    """Return uniform numbers [n_questions, *shape] that belong to a question's id and the seed."""
    draws = [
        np.random.default_rng([seed, zlib.crc32(name.encode())]).random(shape)
        for name in question_ids
    ]
    return np.stack(draws)


def exchanges(
    question: npt.NDArray[np.int64], question_ids: Sequence[str], n_draws: int, seed: int
) -> Index:
    """Return for every draw which item takes the place of each, int [n_draws, n_items].

    A draw does not depend on the order of the items; a question that is added changes nothing in
    the random numbers of the others.
    """
    order = np.argsort(question, kind="stable")
    sizes = np.bincount(question, minlength=len(question_ids))
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    found = np.empty((n_draws, question.size), np.intp)
    for size in np.unique(sizes):
        same = np.flatnonzero(sizes == size)
        blocks = order[starts[same, None] + np.arange(size)]
        keys = _keys([question_ids[int(q)] for q in same], seed, (n_draws, 1 + int(size)))
        places = np.argsort(keys[:, :, 0], axis=0).T
        within = np.argsort(keys[:, :, 1:].transpose(1, 0, 2), axis=2)
        moved = np.take_along_axis(blocks[places], within, axis=2)
        found[:, blocks.ravel()] = moved.reshape(n_draws, -1)
    return found


def signs(question_ids: Sequence[str], n_draws: int, seed: int) -> npt.NDArray[np.float64]:
    """Return +1 or -1 for every draw and question, [n_draws, n_questions]."""
    return np.where(_keys(question_ids, seed, (n_draws,)) < 0.5, 1.0, -1.0).T
