"""Nulls by exchange: whole questions change places, and the items within a question too.

A question is exchanged with those that have as many items, so that what its items share stays
together: what is drawn at random is questions, never rows.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Index = npt.NDArray[np.intp]


class Exchanges:
    """Which item takes the place of each in every draw; what was exchanged once is kept."""

    def __init__(self, index: Index) -> None:
        self.index = index
        """[n_draws, n_items]."""
        self._kept: dict[bytes, Array] = {}

    def __len__(self) -> int:
        return len(self.index)

    def of(self, row: Array) -> Array:
        """Return a property [n_items] of the items after every exchange, [n_draws, n_items].

        The same few columns are asked for by every run on the same questions.
        """
        key = row.tobytes()
        if key not in self._kept:
            self._kept[key] = row[self.index]
        return self._kept[key]


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
) -> Exchanges:
    """Return the exchanges of the items' questions [n_items], numbers into `question_ids`.

    A draw does not depend on the order of the items; a question that is added changes nothing in
    the random numbers of the others. The last ones are kept for the next design on their items.
    """
    return _exchanges(question.tobytes(), tuple(question_ids), n_draws, seed)


@lru_cache(maxsize=1)
def _exchanges(
    questions: bytes, question_ids: tuple[str, ...], n_draws: int, seed: int
) -> Exchanges:
    question = np.frombuffer(questions, np.int64)
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
    return Exchanges(found)


def signs(question_ids: Sequence[str], n_draws: int, seed: int) -> npt.NDArray[np.float64]:
    """Return +1 or -1 for every draw and question, [n_draws, n_questions]."""
    return np.where(_keys(question_ids, seed, (n_draws,)) < 0.5, 1.0, -1.0).T
