"""Random items whose completions have several tokens, all of them scored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch

from runners.prompts.positions import TokenisedItem
from tests.runners.families import random_items
from tests.runners.family_configs import VOCABULARY


def several(
    lengths: Sequence[int],
    shared: Sequence[int],
    completions: Sequence[tuple[int, int]],
    vocabulary: int = VOCABULARY,
    seed: int = 3,
) -> list[TokenisedItem]:
    """Return items as `random_items` does, with completions of so many tokens, first ones apart."""
    draw = torch.Generator().manual_seed(seed)

    def tokens(first: int, count: int) -> tuple[int, ...]:
        rest = torch.randint(3, vocabulary, (count - 1,), generator=draw).tolist()
        return (first, *rest)

    return [
        replace(
            item,
            positive=tokens(item.positive[0], positive),
            negative=tokens(item.negative[0], negative),
            sequence=True,
        )
        for item, (positive, negative) in zip(
            random_items(lengths, shared, vocabulary), completions, strict=True
        )
    ]


UNEQUAL = several([9, 23, 14, 14, 2, 11], [1, 1, 1, 0, 2, 0], [(5, 1), (2, 4), (1, 1), (3, 3), (1, 5), (4, 2)])  # fmt: skip
"""Prompts, shared prefixes and completions of 1 to 5 tokens, all of unequal length."""
