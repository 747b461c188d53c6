"""What a run leaves on the screen: what was done, and what to type next."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runners.console import say
from specs.operators import graded

if TYPE_CHECKING:
    from runners.campaign.outcome import Outcome
    from specs.schema import Experiment
    from specs.settings import Settings


def _silence(experiment: str, settings: Settings) -> str | None:
    """Return a warning where the model does not answer what the experiment asks it."""
    from warehouse.answering import warning
    from warehouse.connect import connect

    with connect(settings.home) as connection:
        return warning(connection, experiment=[experiment])


def tell(outcome: Outcome, asked: Experiment, settings: Settings) -> None:
    """Say what was measured, and how to look at it: slopes or effects, damage, rollouts, scores."""
    experiment = asked.name
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
        say(f"{experiment}: {outcome.damages:,} damages of a text written")
    if outcome.rollouts:
        say(f"{experiment}: {outcome.rollouts:,} rollouts written")
    if outcome.scored:
        say(f"{experiment}: {outcome.scored:,} scores of a rollout written")
    for line in outcome.found:
        say(line)
    if warning := _silence(experiment, settings):
        say(warning)
    home = "" if str(settings.home) == "data" else f" --home {settings.home}"
    for analysis in _next(asked, outcome):
        say(f"next: steerhouse analyse {analysis} --experiment {experiment}{home}")
    if asked.rollouts and not asked.scorers:
        say(f'next: steerhouse sql "from rollout_card"{home}')


def _next(asked: Experiment, outcome: Outcome) -> list[str]:
    """Return the names of the analyses to look at first, each once."""
    any_graded = any(map(graded, asked.operators))
    found = []
    if outcome.asks_questions:
        found += ["steerability" if graded(each) else "effects" for each in asked.operators]
    if asked.text_sets:
        equal = any_graded and outcome.asks_questions  # it compares slopes
        found += ["damage_curve", *(["equal_damage"] if equal else [])]
    if asked.scorers:
        found += ["behaviour_coherence", "best_scale"]
    return list(dict.fromkeys(found))
