"""How many tokens go through the model at once, and fewer once they did not fit."""

from __future__ import annotations

import gc
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from runners.batches import batches
from runners.console import say
from specs.faults import Refused

if TYPE_CHECKING:
    from runners.positions import TokenisedItem


@dataclass
class Budget:
    """Tokens of a batch; a batch that does not fit halves it for good."""

    tokens: int
    say: Callable[[str], None] = field(default=say, repr=False)

    @classmethod
    def of(cls, tokens: int | Budget) -> Budget:
        """Return a budget of its own for a number, and a budget as it is."""
        return tokens if isinstance(tokens, Budget) else cls(tokens)

    def batched(
        self,
        items: Sequence[TokenisedItem],
        do: Callable[[list[int]], None],
        anew: bool = False,
    ) -> None:
        """Call `do` on the indices of every batch; out of memory, halve the budget and go on.

        With `anew` all items are done again then: what is done at which budget depends on the last
        one only, and a run that is resumed with it meets the same shapes.

        Raises:
            Refused: a single item does not fit.
        """
        left = list(range(len(items)))
        while left:
            left = self._left(items, left, do, anew)

    def _left(
        self,
        items: Sequence[TokenisedItem],
        todo: Sequence[int],
        do: Callable[[list[int]], None],
        anew: bool,
    ) -> list[int]:
        """Do batches until one does not fit; return what is to be done at the new budget."""
        left = set(todo)
        for batch in batches([items[i] for i in todo], self.tokens):
            own = [todo[i] for i in batch]
            if not _fits(do, own):
                self._halve([items[i] for i in own])
                return list(range(len(items))) if anew else sorted(left)
            left -= set(own)
        return []

    def _halve(self, full: Sequence[TokenisedItem]) -> None:
        longest = max(item.width for item in full)
        if len(full) == 1:
            raise Refused(
                f"item {full[0].item_id}: its {longest} tokens alone do not fit into memory; load "
                "the model in a smaller dtype or on a device with more, or leave out long items"
            )
        before = len(full) * longest
        self.tokens = max(1, min(self.tokens, before) // 2)
        self.say(
            f"out of memory in a batch of {len(full)} prompts, {before:,} tokens: going on with "
            f"{self.tokens:,} tokens a batch (--tokens-per-batch {self.tokens} begins there)"
        )


def _fits(do: Callable[[list[int]], None], batch: list[int]) -> bool:
    """Do one batch; return False where memory ran out."""
    try:
        do(batch)
    except (RuntimeError, MemoryError) as error:
        if not out_of_memory(error):
            raise
    else:
        return True
    # Only here, behind the handler, are the tensors of the failed pass no longer held.
    _let_go()
    return False


def out_of_memory(error: Exception) -> bool:
    """Return whether an error says that memory ran out, on whatever device."""
    from accelerate.utils.memory import should_reduce_batch_size

    return (
        isinstance(error, MemoryError)
        or should_reduce_batch_size(error)
        or "not enough memory" in str(error)
    )


def _let_go() -> None:
    """Give back what the failed pass and the allocator still hold."""
    import torch

    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
