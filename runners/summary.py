"""What a run leaves on the screen: what was done, and what to type next."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runners.console import say

if TYPE_CHECKING:
    from runners.step import Outcome
    from specs.settings import Settings


def tell(outcome: Outcome, experiment: str, settings: Settings) -> None:
    """Say what was measured, and how to look at it."""
    if outcome.measured + outcome.unsteered + outcome.fitted == 0:
        say(f"{experiment}: everything is there already; nothing was measured")
    else:
        where = settings.home / "warehouse.duckdb"
        say(
            f"{experiment}: {outcome.fitted} vector(s) fitted, {outcome.measured:,} measurements "
            f"and {outcome.unsteered:,} unsteered answers written to {where}"
        )
    home = "" if str(settings.home) == "data" else f" --home {settings.home}"
    say(f"next: steerhouse analyse steerability --experiment {experiment}{home}")
