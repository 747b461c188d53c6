"""What a rollout step will do and about how long it will take, as lines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from runners.campaign.asked import Unit
    from runners.campaign.campaign import Campaign
    from runners.rollouts.asked import RolloutUnit
    from runners.rollouts.measure import RolloutBlock

ROWS = 64
"""Rows of one token in the passes that are timed: as one step of many rollouts."""


def describe(
    model: str, units: Sequence[RolloutUnit], todo: Sequence[RolloutBlock], reads: bool
) -> list[str]:
    """Return the plan as lines; `reads`: features are read too."""
    from runners.campaign.estimate import block_weights, duration, head_weights, tokens_per_second

    if not units:
        return []
    pairs = sum(len(unit.pairs()) for unit in units)
    asked = sum(len(unit.pairs()) * (1 + len(unit.cells())) for unit in units)
    missing = sum(block.count() for block in todo)
    lines = [
        f"{model}: rollouts of {pairs:,} sample(s) of openings in {len(units)} set(s), "
        f"{asked:,} asked, {asked - missing:,} already there, {missing:,} to sample"
    ]
    if todo:
        loaded = todo[0].unit.loaded
        tokens = sum(block.tokens(reads) for block in todo)
        flops = 2.0 * tokens * (block_weights(loaded) + head_weights(loaded))
        seconds = tokens / tokens_per_second(loaded, ROWS, 1, whole=True)
        lines.append(
            f"  {tokens:,} tokens with the unsteered shadows, {flops:.2g} FLOP, about "
            f"{duration(seconds)} at the speed of a short trial"
        )
    return lines


def foreseen_rollouts(campaign: Campaign, units: Sequence[Unit]) -> list[str]:
    """Return, as a line, that rollouts will be planned once the layers are chosen."""
    from runners.rollouts.asked import rollout_units

    spec = campaign.experiment.rollouts
    if spec is None:
        return []
    pairs = sum(len(unit.pairs()) for unit in rollout_units(campaign, [], plan_only=True))
    return [
        f"{campaign.loaded.spec.name}: {pairs:,} rollout(s) for each reported vector, random nulls "
        "included, at each layer and multiplier, once the layers are chosen"
    ]
