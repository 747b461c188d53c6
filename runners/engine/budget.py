"""How many tokens go through the model at once, and fewer once they did not fit."""

from __future__ import annotations

import gc
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from runners.console import say
from runners.engine.batches import batches
from specs.faults import Refused

if TYPE_CHECKING:
    from runners.prompts.positions import TokenisedItem


@dataclass
class Budget:
    """Tokens of a batch; a batch that does not fit halves it for good."""

    tokens: int
    say: Callable[[str], None] = field(default=say, repr=False)
    halved: Callable[[int], None] = field(default=lambda tokens: None, repr=False)
    """Hears of the new number of tokens."""

    @classmethod
    def of(cls, tokens: int | Budget) -> Budget:
        """Return a budget of its own for a number, and a budget as it is."""
        return tokens if isinstance(tokens, Budget) else cls(tokens)

    def fits(self, items: Sequence[TokenisedItem], do: Callable[[list[int]], None]) -> bool:
        """Call `do` on the indices of every batch, the longest prompts first.

        Out of memory, halve the budget and return False: the caller does all again, so that what
        is done depends on the last budget only, and a run that is resumed with it meets the same
        shapes.

        Raises:
            Refused: a single item does not fit.
        """

        def longest(batch: Sequence[int]) -> int:
            return max(items[i].width for i in batch)

        for batch in sorted(batches(items, self.tokens), key=longest, reverse=True):
            if not _fits(do, batch):
                self._halve([items[i] for i in batch])
                return False
        return True

    def _halve(self, full: Sequence[TokenisedItem]) -> None:
        longest = max(item.width for item in full)
        if len(full) == 1:
            raise Refused(
                f"item {full[0].item_id}: its {longest} tokens alone do not fit into memory; load "
                "the model in a smaller dtype or on a device with more, or leave out long items"
            )
        before = len(full) * longest
        self.tokens = max(1, min(self.tokens, before) // 2)
        self.halved(self.tokens)
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
    let_go()
    return False


def out_of_memory(error: Exception) -> bool:
    """Return whether an error says that memory ran out, on whatever device."""
    from accelerate.utils.memory import should_reduce_batch_size

    return (
        isinstance(error, MemoryError)
        or should_reduce_batch_size(error)
        or "not enough memory" in str(error)
    )


def let_go() -> None:
    """Give back what the failed pass and the allocator still hold."""
    import torch

    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
