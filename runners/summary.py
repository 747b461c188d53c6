"""What a run leaves on the screen: what was done, and what to type next."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from runners.console import say
from specs.operators import graded

if TYPE_CHECKING:
    from runners.campaign.outcome import Outcome
    from specs.settings import Settings


def _silence(experiment: str, settings: Settings) -> str | None:
    """Return a warning where the model does not answer what the experiment asks it."""
    from warehouse.answering import warning
    from warehouse.connect import connect

    with connect(settings.home) as connection:
        return warning(connection, experiment=[experiment])


def tell(
    outcome: Outcome, experiment: str, settings: Settings, operators: Sequence[str] = ("add",)
) -> None:
    """Say what was measured, and how to look at it: slopes, effects where operators have none."""
    of_texts = outcome.damages + outcome.rollouts + outcome.scored
    if outcome.measured + outcome.unsteered + outcome.fitted + of_texts == 0:
        say(f"{experiment}: everything is there already; nothing was measured")
    else:
        where = settings.home / "warehouse.duckdb"
        say(
            f"{experiment}: {outcome.fitted} vector(s) fitted, {outcome.measured:,} measurements "
            f"and {outcome.unsteered:,} unsteered answers written to {where}"
        )
    if outcome.damages:
        say(
            f"{experiment}: {outcome.damages:,} damages of a text written; "
            f"`steerhouse analyse damage_curve --experiment {experiment}` shows them"
        )
    if outcome.rollouts:
        say(
            f"{experiment}: {outcome.rollouts:,} rollouts written; "
            '`steerhouse sql "from rollout_card"` shows them'
        )
    if outcome.scored:
        say(
            f"{experiment}: {outcome.scored:,} scores of a rollout written; `steerhouse analyse "
            f"behaviour_coherence --experiment {experiment}` shows them"
        )
    for line in outcome.found:
        say(line)
    if warning := _silence(experiment, settings):
        say(warning)
    home = "" if str(settings.home) == "data" else f" --home {settings.home}"
    if not outcome.asks_questions:
        return  # there is no slope to look at
    for analysis in dict.fromkeys("steerability" if graded(o) else "effects" for o in operators):
        say(f"next: steerhouse analyse {analysis} --experiment {experiment}{home}")
