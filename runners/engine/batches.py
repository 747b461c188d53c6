"""Which items share a pass: alike in length, within a budget of tokens, always the same."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from runners.models.free_memory import free_memory

if TYPE_CHECKING:
    from runners.models.load import LoadedModel
    from runners.prompts.positions import TokenisedItem

CPU_TOKENS = (128, 2048)
"""Fewest and most tokens of a batch on a CPU: larger ones leave its caches and are slower."""
GPU_TOKENS = (1024, 65536)
"""Fewest and most tokens of a batch on a GPU; more than that no longer raises its speed."""
WORKING_ROWS = 64
"""Rows of width d_model that a token occupies while a block runs: residual stream, chains (at most
16 living ones a token, twice while they grow), queries, keys, values, a gated MLP of about four
times the width, and attention. Keys and values of other blocks are not there (weave.py)."""


def batches(items: Sequence[TokenisedItem], tokens_per_batch: int) -> list[list[int]]:
    """Return indices into `items`, cut into batches of at most `tokens_per_batch` padded tokens.

    Batches are contiguous in (shared tokens, length, index), so that padding is small, stems are
    equally long, and the same items always meet; an item over the budget is alone.
    """

    def key(i: int) -> tuple[int, int, int]:
        return len(items[i].shared), items[i].width, i

    cut: list[list[int]] = []
    for i in sorted(range(len(items)), key=key):
        alike = cut and len(items[cut[-1][0]].shared) == len(items[i].shared)
        padded = items[i].width * (len(cut[-1]) + 1) if cut else 0
        if alike and padded <= tokens_per_batch:
            cut[-1].append(i)
        else:
            cut.append([i])
    return cut


def default_tokens_per_batch(loaded: LoadedModel, share: int = 1) -> int:
    """Return the token budget where none is asked for; `share` processes use the device's memory.

    Half of the device's free memory divided by what a token needs, 64 rows of d_model to work with:
    between 128 and 2048 on a CPU, between 1024 and 65536 elsewhere.
    """
    free = free_memory(loaded.device) // share
    per_token = WORKING_ROWS * loaded.d_model * loaded.dtype.itemsize
    fewest, most = CPU_TOKENS if loaded.device.type == "cpu" else GPU_TOKENS
    return max(fewest, min(most, free // 2 // per_token))
