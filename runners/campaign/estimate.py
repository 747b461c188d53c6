"""What a run will do and about how long it will take, said before it starts."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from runners.campaign.asked import Unit
    from runners.campaign.work import Block
    from runners.models.load import LoadedModel


def describe(
    step: str, units: Sequence[Unit], todo: Sequence[Block], workers: int = 1
) -> list[str]:
    """Return the plan of a step as lines; `workers` share the work."""
    runs = {asked.run.run_id for unit in units for asked in unit.asked}
    asked = sum(
        len(items)
        * sum(m != 0 for one in unit.asked if one.split == split for m in one.multipliers)
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
        prompts = sum(block.prompt_tokens() for block in todo)
        chains = sum(block.chain_tokens() for block in todo)
        loaded = todo[0].unit.bench.loaded
        weights, head = block_weights(loaded), head_weights(loaded)
        # The head is a token's last step: as much work as a share of the blocks.
        tokens = prompts + chains + sum(block.answers() for block in todo) * head / weights
        flops = 2 * weights * tokens
        shared = min(workers, len(todo))
        seconds = tokens / tokens_per_second(loaded) / shared
        lines.append(
            f"  {sum(len(b.items) for b in todo):,} prompts of {prompts:,} tokens, chains worth "
            f"{chains:,.0f} more, {flops:.2g} FLOP, about {duration(seconds)} at the speed of a "
            "short trial" + (f" here on each of {shared} workers" if workers > 1 else "")
        )
    return lines


def block_weights(loaded: LoadedModel) -> int:
    """Return the weights of all decoder blocks: a token costs two operations for each of them."""
    from runners.models.architecture import parts

    return sum(weight.numel() for weight in parts(loaded.model).blocks.parameters())


def head_weights(loaded: LoadedModel) -> int:
    """Return the weights that an answer is unembedded with: d_model times the vocabulary."""
    return loaded.d_model * int(loaded.row["vocabulary_size"] or 0)


def duration(seconds: float) -> str:
    """Return seconds as a person would say them."""
    if seconds < 90:
        return f"{max(seconds, 1):.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def tokens_per_second(loaded: LoadedModel) -> float:
    """Time bare forward passes of 4 × 64 tokens: the fastest of four, the first ones warm up."""
    import torch

    tokens = torch.zeros((4, min(64, loaded.context)), dtype=torch.long, device=loaded.device)
    seconds = []
    with torch.inference_mode():
        for _ in range(4):
            start = time.perf_counter()
            loaded.model(input_ids=tokens, logits_to_keep=1, use_cache=False)
            if loaded.device.type == "cuda":
                torch.cuda.synchronize()
            seconds.append(time.perf_counter() - start)
    return tokens.numel() / min(seconds)
