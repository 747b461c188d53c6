"""Tokens that prompts begin with alike: computed once, for a batch or all batches of a block."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING

from runners.engine.caches import empty_cache, sliced
from runners.engine.trunk import Padded
from runners.models.architecture import parts

if TYPE_CHECKING:
    from transformers import DynamicCache

    from runners.models.load import LoadedModel
    from runners.prompts.positions import TokenisedItem

Rows = Sequence[Sequence[int]]
WORTH = {"cpu": 64, "cuda": 4096}
"""Tokens to be saved before a pass of its own pays: it reads all weights once more, and on a GPU
launches every kernel once more."""
ELSEWHERE = 4096


@dataclass
class _Held:
    """What all batches of a block begin with; computed when the first of them comes."""

    loaded: LoadedModel
    tokens: Sequence[int]
    saved: int
    """Tokens that need not be computed again."""
    cache: DynamicCache | None = None

    def first(self, length: int) -> DynamicCache:
        """Return the cache of the first tokens: causal, so a shorter beginning is there too."""
        if self.cache is None:
            self.cache = empty_cache(self.loaded)
            _run(self.loaded, self.tokens, self.cache)
        return sliced(self.cache, 1, length)


_held: ContextVar[_Held | None] = ContextVar("held", default=None)


@contextmanager
def sharing(loaded: LoadedModel, items: Sequence[TokenisedItem]) -> Iterator[None]:
    """Let batches of `items` compute what all of them begin with only once, while this lasts.

    What is shared depends on `items` alone, so that a block that is done again repeats its numbers.
    """
    rows = [(*item.prompt, *item.shared) for item in items]
    same = max(0, common_length(rows, 1)) if rows else 0
    token = _held.set(_Held(loaded, rows[0][:same], (len(rows) - 1) * same) if same else None)
    try:
        yield
    finally:
        _held.reset(token)


def begin(loaded: LoadedModel, rows: Rows, apart: int) -> tuple[int, DynamicCache]:
    """Return with how many tokens all rows begin alike, and a cache of these for every row.

    At most so many that `apart` are left of each row; 0 where sharing would not pay, or not be
    exact.
    """
    cache = empty_cache(loaded)
    own = max(0, common_length(rows, apart))
    if not own or not _allowed(cache):
        return 0, cache
    held = _held.get()
    least = max(1, WORTH.get(loaded.device.type, ELSEWHERE))
    if held and held.loaded is loaded and held.saved >= least:
        length = min(own, common_length([held.tokens, rows[0]], 0))
        if length * len(rows) >= own * (len(rows) - 1):
            return length, sliced(held.first(length), len(rows), length)
    if own * (len(rows) - 1) < least:
        return 0, cache
    _run(loaded, rows[0][:own], cache)
    return own, sliced(cache, len(rows), own)


def _run(loaded: LoadedModel, tokens: Sequence[int], cache: DynamicCache) -> None:
    """Fill an empty cache with one row of tokens."""
    padded = Padded.of([tokens], 0, loaded.device)
    parts(loaded.model.eval()).decoder(**padded.arguments(cache))


def saved_tokens(loaded: LoadedModel, rows: Rows, apart: int) -> int:
    """Return how many tokens need not be computed where all batches of `rows` are shared.

    `apart` tokens are left of each row, as in `begin`.
    """
    same = max(0, common_length(rows, apart))
    saved = (len(rows) - 1) * same
    worth = saved >= max(1, WORTH.get(loaded.device.type, ELSEWHERE))
    return saved if worth and _allowed(empty_cache(loaded)) else 0


def common_length(rows: Rows, apart: int) -> int:
    """Return with how many tokens all rows begin alike, at most so that `apart` are left of each.

    The smallest and the largest row differ first where any two do.
    """
    longest = min(map(len, rows)) - apart
    first, last = min(map(tuple, rows)), max(map(tuple, rows))
    same = 0
    while same < longest and first[same] == last[same]:
        same += 1
    return same


def _allowed(cache: DynamicCache) -> bool:
    """A sliding or chunked layer counts slots, and padding behind a prefix would be among them."""
    return not any(cache.is_sliding)
