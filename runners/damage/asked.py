"""Which damage an experiment asks for: the vectors that it reports, on each of its text sets."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from runners.campaign.asked import Asked, Run
from runners.campaign.ids import run_id
from runners.campaign.reported import reported
from runners.damage.texts import TokenisedTexts, tokenise_texts

if TYPE_CHECKING:
    from runners.campaign.asked import Unit
    from runners.campaign.campaign import Campaign
    from runners.engine.measure import Cell
    from runners.models.load import LoadedModel
    from runners.prompts.positions import TokenisedItem

SPLIT = "text"
"""What the texts of a set are called where an item would have its split."""
SCOPE = "all"
"""A text has no prompt and no answer: every position is steered."""
BLOCK_TEXTS = 16
"""Texts of a block: what is staged at once, and redone whole. Part of no id."""


@dataclass
class TextUnit:
    """Everything asked of one model and one text set."""

    loaded: LoadedModel
    tokenised: TokenisedTexts
    asked: list[Asked]

    @property
    def label(self) -> str:
        """The unit as a person would say it."""
        return f"{self.loaded.spec.name} · texts {self.tokenised.read.spec.name}"

    @property
    def evaluation_id(self) -> str:
        """The evaluation that all runs of the unit share."""
        return self.tokenised.evaluation_id

    def blocks(self) -> Iterator[tuple[int, list[TokenisedItem]]]:
        """Yield (number, texts) of the fixed slices of the set."""
        texts = self.tokenised.texts
        for start in range(0, len(texts), BLOCK_TEXTS):
            yield start // BLOCK_TEXTS, texts[start : start + BLOCK_TEXTS]

    def rows(self, experiment: str) -> list[dict[str, Any]]:
        """Return what an experiment asks of it: rows of `experiment_run`."""
        return [
            {
                "experiment": experiment,
                "run_id": one.run.run_id,
                "split": SPLIT,
                "layer": one.layer,
                "multiplier": multiplier,
                "n_asked": len(self.tokenised.texts),
            }
            for one in self.asked
            for multiplier in one.multipliers
        ]


def text_sets(campaign: Campaign) -> list[TokenisedTexts]:
    """Return the text sets of an experiment as its model reads them; two of the same texts are one.

    Raises:
        Refused: a text set that cannot be read.
    """
    from builders.text_sets import read_text_set

    names = campaign.catalog.resolve("text_sets", campaign.experiment.text_sets)
    read = [read_text_set(campaign.catalog.get("text_sets", name)) for name in names]
    found = [tokenise_texts(campaign.loaded, each) for each in read]
    return list({each.evaluation_id: each for each in found}.values())


def text_units(
    campaign: Campaign, sets: Sequence[TokenisedTexts], units: Sequence[Unit]
) -> list[TextUnit]:
    """Return the text sets of an experiment with the damage that is asked on them.

    `units` are the reported ones: each of their fitted vectors and random nulls, and those of
    concepts of kind texts, is asked for once an operator, layer and multiplier, whatever questions
    and scopes it is reported on.
    """
    measured = list(reported(campaign, units))
    return [
        TextUnit(
            campaign.loaded,
            each,
            list(dict.fromkeys(on_texts(one, each.evaluation_id) for one in measured)),
        )
        for each in sets
    ]


def on_texts(one: Asked, evaluation_id: str) -> Asked:
    """Return the vector, operator, layer and multipliers of `one`, on a text set.

    Multiplier 0 is left out where the operator does nothing there: no damage is no measurement.
    """
    run = one.run
    identity = run_id(evaluation_id, run.vector.vector_id, run.operator, SCOPE)
    there = Run(identity, evaluation_id, run.vector, run.operator, SCOPE)
    return Asked(there, SPLIT, one.layer, one.measured)


def cells(unit: TextUnit) -> list[Cell]:
    """Return what is asked of every text of a unit: a run at a layer and multiplier each."""
    from runners.engine.measure import Cell

    return [Cell(one.run, one.layer, m) for one in unit.asked for m in one.multipliers]
