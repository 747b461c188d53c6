"""What a run will do and about how long it will take, said before it starts."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from runners.campaign.asked import Unit
    from runners.campaign.work import Block
    from runners.models.load import LoadedModel


REFERENCE = "reference"
"""The engine that makes a forward pass of its own for each number."""
TRIAL = (4, 64)
"""Rows and tokens of the passes that are timed: like a small batch of the fast path."""


def describe(
    step: str,
    units: Sequence[Unit],
    todo: Sequence[Block],
    workers: int = 1,
    engine: str = "fast",
) -> list[str]:
    """Return the plan of a step as lines, none where no question is asked; `workers` share it."""
    if not units:
        return []
    runs = {asked.run.run_id for unit in units for asked in unit.asked}
    asked = sum(
        len(items) * sum(len(one.measured) for one in unit.asked if one.split == split)
        for unit in units
        for split in unit.splits()
        for _, items in unit.blocks(split)
    )
    missing = sum(len(block.items) * len(block.cells) for block in todo)
    lines = [
        f"{step}: {len(units)} unit(s), {len(runs)} run(s), {asked:,} measurements asked, "
        f"{asked - missing:,} already there or refused, {missing:,} to measure"
    ]
    if todo:
        work = _by_reference(todo) if engine == REFERENCE else _by_fast_paths(todo)
        shared = min(workers, len(todo))
        each = f" here on each of {shared} workers" if workers > 1 else ""
        lines.append(
            f"  {sum(len(b.items) for b in todo):,} prompts {work.words}, {work.flops:.2g} FLOP, "
            f"about {duration(work.seconds / shared)} at the speed of a short trial{each}"
        )
    return lines


class Work(NamedTuple):
    """What the model will be asked to do, and how long it may take alone."""

    words: str
    flops: float
    seconds: float


def _by_fast_paths(todo: Sequence[Block]) -> Work:
    loaded = todo[0].unit.bench.loaded
    prompts = sum(block.prompt_tokens() for block in todo)
    chains = sum(block.chain_tokens() for block in todo)
    weights, head = block_weights(loaded), head_weights(loaded)
    # The head is a token's last step: as much work as a share of the blocks.
    tokens = prompts + chains + sum(block.answers() for block in todo) * head / weights
    words = f"of {prompts:,} tokens, chains worth {chains:,.0f} more"
    return Work(words, 2 * weights * tokens, tokens / tokens_per_second(loaded))


def _by_reference(todo: Sequence[Block]) -> Work:
    """Count a pass for each number; each pass unembeds all of its tokens."""
    loaded = todo[0].unit.bench.loaded
    passes = sum(block.passes() for block in todo)
    tokens = sum(block.reference_tokens() for block in todo)
    flops = 2.0 * tokens * (block_weights(loaded) + head_weights(loaded))
    speed = tokens_per_second(loaded, 1, max(1, round(tokens / passes)), whole=True)
    return Work(f"in {passes:,} passes of {tokens:,} tokens", flops, tokens / speed)


def block_weights(loaded: LoadedModel) -> int:
    """Return the weights of all decoder blocks that a token meets: two operations for each.

    Of the experts that a router chooses from these are as many as the configuration says.
    """
    from runners.models.architecture import parts
    from runners.models.experts import active_share

    share = active_share(loaded.model)
    named = parts(loaded.model).blocks.named_parameters()
    return round(
        sum(w.numel() * (share if "experts" in name.split(".") else 1) for name, w in named)
    )


def head_weights(loaded: LoadedModel) -> int:
    """Return the weights that an answer is unembedded with: d_model times the vocabulary."""
    return loaded.d_model * int(loaded.row["vocabulary_size"] or 0)


def duration(seconds: float) -> str:
    """Return seconds as a person would say them."""
    if seconds < 90:
        return f"{max(seconds, 1):.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def tokens_per_second(
    loaded: LoadedModel, rows: int = TRIAL[0], length: int = TRIAL[1], whole: bool = False
) -> float:
    """Time bare forward passes of rows × length tokens: the fastest of four, the first warm up.

    `whole` unembeds every position, as the reference path does.
    """
    import torch

    shape = rows, min(length, loaded.context)
    tokens = torch.zeros(shape, dtype=torch.long, device=loaded.device)
    seconds = []
    with torch.inference_mode():
        for _ in range(4):
            start = time.perf_counter()
            loaded.model(input_ids=tokens, logits_to_keep=0 if whole else 1, use_cache=False)
            if loaded.device.type == "cuda":
                torch.cuda.synchronize()
            seconds.append(time.perf_counter() - start)
    return tokens.numel() / min(seconds)
