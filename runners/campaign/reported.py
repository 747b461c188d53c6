"""The vectors that a campaign reports, wherever it is asked what they do."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from runners.campaign.asked import Asked, Unit
    from runners.campaign.campaign import Campaign

NULL = "random"
"""The method of the nulls that are reported: what a vector of that length does anyway."""


def reported(campaign: Campaign, units: Iterable[Unit]) -> Iterator[Asked]:
    """Yield every fitted vector and random null with operator, layer and multipliers.

    Those on the questions of `units`, the reported ones, then those of concepts of kind texts,
    whose runs are on nothing (`Run.of_none`). One vector may come several times.
    """
    of_questions = (one for unit in units for one in unit.asked)
    for group in (of_questions, campaign.of_texts()):
        for one in group:
            if one.run.vector.role == "fitted" or one.run.vector.method == NULL:
                yield one
